// Operations on tensors that are several loops.
#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

TEST(MlirComposites, JoinedTensorsAreLoadedOnce) {
  const auto joined = [](const std::string& how) {
    return features_in(
        "func.func @f(%a: tensor<512x384xf32>, %b: tensor<512x384xf32>) -> "
        "tensor<1024x384xf32> {\n%r = " +
        how +
        " : (tensor<512x384xf32>, tensor<512x384xf32>) -> tensor<1024x384xf32>\n"
        "return %r : tensor<1024x384xf32>\n}\n");
  };
  for (const std::string how : {"tensor.concat dim(0) %a, %b", "\"tensor.concat\"(%a, %b) <{dim = 0 : i64}>",
                                "\"stablehlo.concatenate\"(%a, %b) {dimension = 0 : i64}"}) {
    const Features features = joined(how);
    EXPECT_EQ(features.at("load_count"), 1024.0 * 384.0) << how;
    EXPECT_EQ(features.at("store_count"), 1024.0 * 384.0) << how;
    EXPECT_EQ(features.at("footprint_bytes"), 2.0 * 4.0 * 1024.0 * 384.0) << how;
  }
}

TEST(MlirComposites, ASoftmaxIsFourPassesOverItsRows) {
  const Features features = features_in(
      "func.func @f(%a: tensor<512x384xf32>, %o: tensor<512x384xf32>) -> tensor<512x384xf32> {\n"
      "%r = linalg.softmax dimension(1) ins(%a : tensor<512x384xf32>) outs(%o : tensor<512x384xf32>) -> "
      "tensor<512x384xf32>\nreturn %r : tensor<512x384xf32>\n}\n");
  constexpr double kNumbers = 512.0 * 384.0;
  EXPECT_EQ(features.at("transcendental_count"), kNumbers);
  EXPECT_EQ(features.at("compare_count"), kNumbers);
  EXPECT_EQ(features.at("add_count"), 2.0 * kNumbers);
  EXPECT_EQ(features.at("divide_count"), kNumbers);
}

}  // namespace
}  // namespace hone::cost::mlir
