#include "tests/engine/network/onnx_builder.h"

#include <onnx/onnx_pb.h>

#include <cmath>
#include <utility>

#include "engine/core/random.h"

namespace bitscape::testing {
namespace {

constexpr uint64_t kSeed = 7;

struct AttributeSetter {
  onnx::AttributeProto& proto;
  void operator()(int64_t value) const {
    proto.set_type(onnx::AttributeProto::INT);
    proto.set_i(value);
  }
  void operator()(float value) const {
    proto.set_type(onnx::AttributeProto::FLOAT);
    proto.set_f(value);
  }
  void operator()(const std::string& value) const {
    proto.set_type(onnx::AttributeProto::STRING);
    proto.set_s(value);
  }
  void operator()(const std::vector<int64_t>& values) const {
    proto.set_type(onnx::AttributeProto::INTS);
    for (const int64_t value : values) proto.add_ints(value);
  }
  void operator()(const std::vector<float>& values) const {
    proto.set_type(onnx::AttributeProto::FLOATS);
    for (const float value : values) proto.add_floats(value);
  }
};

int64_t Product(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t dimension : shape) count *= dimension;
  return count;
}

}  // namespace

OnnxBuilder::OnnxBuilder(int opset) : model_(std::make_unique<onnx::ModelProto>()) {
  model_->set_ir_version(7);
  model_->set_producer_name("bitscape tests");
  model_->mutable_graph()->set_name("graph");
  onnx::OperatorSetIdProto* import = model_->add_opset_import();
  import->set_domain("");
  import->set_version(opset);
}

OnnxBuilder::~OnnxBuilder() = default;
OnnxBuilder::OnnxBuilder(OnnxBuilder&& other) noexcept = default;

std::string OnnxBuilder::UniqueValue(std::string_view hint) {
  return std::string(hint) + "#" + std::to_string(values_++);
}

float OnnxBuilder::NextUniform(float low, float high) {
  const double unit = RandomUniform(kSeed, 0, draws_++);
  return static_cast<float>(double{low} + unit * (double{high} - double{low}));
}

std::string OnnxBuilder::Input(const std::string& name, const std::vector<int64_t>& shape,
                               int64_t batch) {
  onnx::ValueInfoProto* input = model_->mutable_graph()->add_input();
  input->set_name(name);
  onnx::TypeProto::Tensor* type = input->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  auto* first = type->mutable_shape()->add_dim();
  if (batch == 0) {
    first->set_dim_param("n");
  } else {
    first->set_dim_value(batch);
  }
  for (const int64_t dimension : shape) {
    type->mutable_shape()->add_dim()->set_dim_value(dimension);
  }
  return name;
}

std::string OnnxBuilder::Random(const std::string& name, const std::vector<int64_t>& shape,
                                float scale) {
  std::vector<float> values(static_cast<size_t>(Product(shape)));
  for (float& value : values) value = NextUniform(-scale, scale);
  return Floats(name, shape, values);
}

std::string OnnxBuilder::Floats(const std::string& name, const std::vector<int64_t>& shape,
                                const std::vector<float>& values) {
  onnx::TensorProto* tensor = model_->mutable_graph()->add_initializer();
  tensor->set_name(UniqueValue(name));
  tensor->set_data_type(onnx::TensorProto::FLOAT);
  for (const int64_t dimension : shape) tensor->add_dims(dimension);
  tensor->set_raw_data(values.data(), values.size() * sizeof(float));
  return tensor->name();
}

std::string OnnxBuilder::WithoutData(const std::string& name, const std::vector<int64_t>& shape) {
  onnx::TensorProto* tensor = model_->mutable_graph()->add_initializer();
  tensor->set_name(UniqueValue(name));
  tensor->set_data_type(onnx::TensorProto::FLOAT);
  for (const int64_t dimension : shape) tensor->add_dims(dimension);
  return tensor->name();
}

std::string OnnxBuilder::Integers(const std::string& name, const std::vector<int64_t>& values) {
  onnx::TensorProto* tensor = model_->mutable_graph()->add_initializer();
  tensor->set_name(UniqueValue(name));
  tensor->set_data_type(onnx::TensorProto::INT64);
  tensor->add_dims(static_cast<int64_t>(values.size()));
  for (const int64_t value : values) tensor->add_int64_data(value);
  return tensor->name();
}

std::string OnnxBuilder::Node(const std::string& op_type, const std::vector<std::string>& inputs,
                              const OnnxAttributeMap& attributes, const std::string& name) {
  onnx::NodeProto* node = model_->mutable_graph()->add_node();
  node->set_op_type(op_type);
  node->set_name(name);
  for (const std::string& input : inputs) node->add_input(input);
  for (const auto& [key, value] : attributes) {
    onnx::AttributeProto* attribute = node->add_attribute();
    attribute->set_name(key);
    std::visit(AttributeSetter{*attribute}, value);
  }
  node->add_output(UniqueValue(op_type));
  return node->output(0);
}

std::string OnnxBuilder::Conv(const std::string& src, int64_t ic, int64_t oc, int64_t kernel,
                              OnnxAttributeMap attributes, const std::string& name, bool bias) {
  int64_t groups = 1;
  if (const auto found = attributes.find("group"); found != attributes.end()) {
    groups = std::get<int64_t>(found->second);
  }
  const auto fan_in = static_cast<float>(ic / groups * kernel * kernel);
  std::vector<std::string> inputs{
      src, Random("weights", {oc, ic / groups, kernel, kernel}, std::sqrt(3.0F / fan_in))};
  if (bias) inputs.push_back(Random("bias", {oc}, 0.1F));
  return Node("Conv", inputs, attributes, name);
}

std::string OnnxBuilder::BatchNorm(const std::string& src, int64_t channels,
                                   const std::string& name) {
  std::vector<float> variance, scale;
  for (int64_t i = 0; i < channels; ++i) {
    variance.push_back(NextUniform(0.5F, 2.0F));
    scale.push_back(NextUniform(0.5F, 1.5F));
  }
  const std::string scales = Floats("scale", {channels}, scale);
  const std::string shift = Random("shift", {channels}, 0.2F);
  const std::string mean = Random("mean", {channels}, 0.2F);
  return Node("BatchNormalization",
              {src, scales, shift, mean, Floats("variance", {channels}, variance)},
              {{"epsilon", 1e-5F}}, name);
}

std::string OnnxBuilder::Gemm(const std::string& src, int64_t ic, int64_t oc,
                              const std::string& name) {
  const std::string weights = Random("weights", {oc, ic}, std::sqrt(3.0F / static_cast<float>(ic)));
  return Node("Gemm", {src, weights, Random("bias", {oc}, 0.1F)}, {{"transB", int64_t{1}}}, name);
}

void OnnxBuilder::Output(const std::string& value) {
  onnx::ValueInfoProto* output = model_->mutable_graph()->add_output();
  output->set_name(value);
  output->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
}

std::string OnnxBuilder::Bytes() const { return model_->SerializeAsString(); }

}  // namespace bitscape::testing
