#include <gtest/gtest.h>

#include "engine/network/onnx_node.h"

namespace bitscape::network {
namespace {

TEST(ReadableNodeName, ShortensPyTorchNames) {
  EXPECT_EQ(ReadableNodeName("/block1/conv1/Conv", "Conv"), "block1.conv1");
  EXPECT_EQ(ReadableNodeName("/stem/stem.0/Conv", "Conv"), "stem.0");
  EXPECT_EQ(ReadableNodeName("/block2/short/short.0/Conv", "Conv"), "block2.short.0");
  EXPECT_EQ(ReadableNodeName("/features/features.3/features.3.1/BatchNormalization",
                             "BatchNormalization"),
            "features.3.1");
  EXPECT_EQ(ReadableNodeName("/fc/Gemm", "Gemm"), "fc");
}

TEST(ReadableNodeName, KeepsWhatWouldBeAmbiguous) {
  EXPECT_EQ(ReadableNodeName("/block1/Add", "Add"), "block1.Add");
  EXPECT_EQ(ReadableNodeName("/attention/MatMul_1", "MatMul"), "attention.MatMul_1");
  EXPECT_EQ(ReadableNodeName("/Conv", "Conv"), "Conv");
  EXPECT_EQ(ReadableNodeName("/stems/stem.0/Relu", "Relu"), "stems.stem.0.Relu");
}

TEST(ReadableNodeName, KeepsOtherNames) {
  EXPECT_EQ(ReadableNodeName("model/conv1/Conv2D", "Conv"), "model/conv1/Conv2D");
  EXPECT_EQ(ReadableNodeName("", "Conv"), "");
  EXPECT_EQ(ReadableNodeName("///", "Conv"), "");
}

TEST(PrintableName, ReplacesWhatIsNotText) {
  EXPECT_EQ(PrintableName("слой 層 ✓"), "слой 層 ✓");
  EXPECT_EQ(PrintableName("a\nb\x7f"), "a?b?");
  EXPECT_EQ(PrintableName("\xc0\x80|\xed\xa0\x80|\xff"), "??|???|?");
  EXPECT_EQ(PrintableName("\xe5\xb1"), "??");  // cut short
}

TEST(PrintableName, CutsBetweenCharacters) {
  std::string even, odd(1, 'a');
  for (int i = 0; i < 150; ++i) {  // 2 bytes each
    even += "я";
    odd += "я";
  }
  EXPECT_EQ(PrintableName(even), even.substr(0, 200));
  EXPECT_EQ(PrintableName(odd), odd.substr(0, 199));
}

}  // namespace
}  // namespace bitscape::network
