#include "engine/formats/number_format.h"

#include <bit>
#include <cmath>

#include "engine/core/status.h"
#include "engine/formats/element_rounding.h"
#include "engine/formats/minifloat.h"

namespace bitscape::formats {

int ElementBits(const ElementType& element) {
  struct Visitor {
    int operator()(const Minifloat& type) const {
      return 1 + type.exponent_bits + type.mantissa_bits;
    }
    int operator()(const Integer& type) const { return type.bits; }
    int operator()(const Log& type) const { return type.bits; }
    int operator()(const LevelSet& type) const {
      return std::bit_width(static_cast<unsigned>(type.levels - 1));
    }
  };
  return std::visit(Visitor{}, element);
}

bool IsSigned(const ElementType& element) {
  struct Visitor {
    bool operator()(const Minifloat&) const { return true; }
    bool operator()(const Integer& type) const { return type.is_signed; }
    bool operator()(const Log& type) const { return type.is_signed; }
    bool operator()(const LevelSet&) const { return true; }
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
    double operator()(const Log& type) const { return LogLevel(type, LargestLogCode(type)); }
    double operator()(const LevelSet&) const { return 1; }
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
    double operator()(const Log& type) const { return type.is_signed ? -LargestFinite(type) : 0; }
    double operator()(const LevelSet&) const { return -1; }
  };
  return std::visit(Visitor{}, element);
}

double SmallestPositive(const ElementType& element) {
  struct Visitor {
    double operator()(const Minifloat& type) const {
      const bool from_subnormal = type.underflow != Underflow::kFlush && type.mantissa_bits > 0;
      return MagnitudeValue(type, from_subnormal ? 1 : uint32_t{1} << type.mantissa_bits);
    }
    double operator()(const Integer&) const { return 1; }
    double operator()(const Log& type) const { return LogLevel(type, 1); }
    double operator()(const LevelSet& type) const {
      return type.fit == LevelFit::kDorefa ? 1.0 / (type.levels - 1) : 1;
    }
  };
  return std::visit(Visitor{}, element);
}

bool HasScale(const NumberFormat& format) {
  if (std::holds_alternative<LevelSet>(format.element)) return true;
  return format.scale.has_value() && format.scale->encoding != ScaleEncoding::kFixed;
}

bool IsFloat32(const NumberFormat& format) {
  const Minifloat* type = std::get_if<Minifloat>(&format.element);
  return type != nullptr && IsFloat32Element(*type) && !HasScale(format);
}

bool IsIntegerLike(const NumberFormat& format) {
  struct Visitor {
    bool operator()(const Minifloat&) const { return false; }
    bool operator()(const Integer&) const { return true; }
    bool operator()(const Log&) const { return false; }
    bool operator()(const LevelSet& type) const {
      switch (type.fit) {
        case LevelFit::kUnit:
        case LevelFit::kMeanAbs:
        case LevelFit::kTwn:
        case LevelFit::kAbsMean:
          return true;
        case LevelFit::kKmeans:
        case LevelFit::kLloydMax:
        case LevelFit::kTtq:
        case LevelFit::kDorefa:
          return false;
      }
      BITSCAPE_CHECK(false, "every LevelFit has a case");
    }
  };
  return std::visit(Visitor{}, format.element);
}

}  // namespace bitscape::formats
