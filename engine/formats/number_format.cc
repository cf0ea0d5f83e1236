#include "engine/formats/number_format.h"

#include <cmath>

#include "engine/formats/minifloat.h"

namespace bitscape::formats {

int ElementBits(const ElementType& element) {
  struct Visitor {
    int operator()(const Minifloat& type) const {
      return 1 + type.exponent_bits + type.mantissa_bits;
    }
    int operator()(const Integer& type) const { return type.bits; }
  };
  return std::visit(Visitor{}, element);
}

bool IsSigned(const ElementType& element) {
  struct Visitor {
    bool operator()(const Minifloat&) const { return true; }
    bool operator()(const Integer& type) const { return type.is_signed; }
  };
  return std::visit(Visitor{}, element);
}

double LargestFinite(const ElementType& element) {
  struct Visitor {
    double operator()(const Minifloat& type) const {
      return MagnitudeValue(type, LargestFiniteMagnitude(type));
    }
    double operator()(const Integer& type) const {
      return std::ldexp(1.0, type.is_signed ? type.bits - 1 : type.bits) - 1;
    }
  };
  return std::visit(Visitor{}, element);
}

double SmallestFinite(const ElementType& element) {
  struct Visitor {
    double operator()(const Minifloat& type) const {
      return -MagnitudeValue(type, LargestFiniteMagnitude(type));
    }
    double operator()(const Integer& type) const {
      if (!type.is_signed) return 0;
      const double half = std::ldexp(1.0, type.bits - 1);
      return type.full_range ? -half : 1 - half;
    }
  };
  return std::visit(Visitor{}, element);
}

double SmallestPositive(const ElementType& element) {
  struct Visitor {
    double operator()(const Minifloat& type) const {
      const bool from_subnormal = type.subnormals && type.mantissa_bits > 0;
      return MagnitudeValue(type, from_subnormal ? 1 : uint32_t{1} << type.mantissa_bits);
    }
    double operator()(const Integer&) const { return 1; }
  };
  return std::visit(Visitor{}, element);
}

bool HasScale(const NumberFormat& format) {
  for (const std::optional<ScaleLevel>& level : format.scales) {
    if (level.has_value() && level->encoding != ScaleEncoding::kFixed) return true;
  }
  return false;
}

bool IsFloat32(const NumberFormat& format) {
  const Minifloat* type = std::get_if<Minifloat>(&format.element);
  return type != nullptr && IsFloat32Element(*type) && !HasScale(format);
}

bool IsIntegerLike(const NumberFormat& format) {
  return std::holds_alternative<Integer>(format.element);
}

}  // namespace bitscape::formats
