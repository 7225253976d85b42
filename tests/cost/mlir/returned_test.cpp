// What a function returns.
#include <gtest/gtest.h>

#include "function.h"

namespace hone::cost::mlir {
namespace {

Features returning(const std::string& body, const std::string& type = "tensor<64x64xf32>") {
  return features_in("func.func @f(%a: tensor<64x64xf32>, %b: tensor<64x64xf32>) -> " + type + " {\n" + body +
                     "\nreturn %r : " + type + "\n}\n");
}

TEST(MlirReturned, WhatIsOnlySeenIsCopiedOut) {
  const auto stores = [](const Features& features) { return features.at("store_count"); };
  EXPECT_EQ(stores(features_in("func.func @f(%a: tensor<64x64xf32>) -> tensor<64x64xf32> {\n"
                               "return %a : tensor<64x64xf32>\n}\n")),
            4096.0);
  const Features slice =
      returning("%r = tensor.extract_slice %a[5, 5] [20, 30] [1, 1] : tensor<64x64xf32> to tensor<20x30xf32>",
                "tensor<20x30xf32>");
  EXPECT_EQ(stores(slice), 600.0);
  EXPECT_EQ(slice.at("load_count"), 600.0);
  EXPECT_EQ(stores(returning("%r = arith.constant dense<1.0> : tensor<64x64xf32>")), 4096.0);
  EXPECT_EQ(
      stores(returning("%r = tensor.collapse_shape %a [[0, 1]] : tensor<64x64xf32> into tensor<4096xf32>",
                       "tensor<4096xf32>")),
      4096.0);
  const std::string computed =
      "%o = tensor.empty() : tensor<64x64xf32>\n%e = linalg.exp ins(%a : tensor<64x64xf32>) outs(%o : "
      "tensor<64x64xf32>) -> tensor<64x64xf32>\n";
  EXPECT_EQ(stores(returning(computed + "%r = tensor.collapse_shape %e [[0, 1]] : tensor<64x64xf32> into "
                                        "tensor<4096xf32>",
                             "tensor<4096xf32>")),
            2.0 * 4096.0)
      << "it is computed in its own shape";
}

TEST(MlirReturned, WhatIsComputedIsWrittenWhereResultsAre) {
  const auto stores = [](const std::string& body) { return returning(body).at("store_count"); };
  const std::string types = " : tensor<64x64xf32>) outs(%o : tensor<64x64xf32>) -> tensor<64x64xf32>";
  EXPECT_EQ(stores("%o = tensor.empty() : tensor<64x64xf32>\n%r = linalg.exp ins(%a" + types), 4096.0);
  EXPECT_EQ(stores("%r = linalg.exp ins(%a : tensor<64x64xf32>) outs(%b : tensor<64x64xf32>) -> "
                   "tensor<64x64xf32>"),
            4096.0)
      << "what the destination held is not looked at";
  EXPECT_EQ(stores("%r = arith.addf %a, %b : tensor<64x64xf32>"), 4096.0);
}

}  // namespace
}  // namespace hone::cost::mlir
