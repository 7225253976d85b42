// What other dialects say of whole tensors, against the same by linalg's names.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/cost/mlir/assumed.h"
#include "hone/cost/mlir/features.h"
#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {
namespace {

Features features_of(const std::string& text) {
  const Module module = parse(text);
  return features(module, module.functions().at(0));
}

/// A function of tensors; `operation` names them %0, %1, ...
Features features_of(const std::vector<std::string>& types, const std::string& result,
                     const std::string& operation) {
  std::string text = "func.func @f(";
  for (std::size_t i = 0; i < types.size(); ++i)
    text += (i > 0 ? ", %" : "%") + std::to_string(i) + ": " + types[i];
  return features_of(text + ") -> " + result + " {\n" + operation + "\n  return %r : " + result + "\n}\n");
}

/// The loops and what is in them.
void expect_same_loops(const Features& a, const Features& b) {
  for (const char* name :
       {"flops", "load_count", "store_count", "multiply_count", "add_count", "compare_count",
        "innermost_trips", "loop_depth", "hot_unit", "hot_strided", "hot_still"})
    EXPECT_EQ(a.at(name), b.at(name)) << name;
}

TEST(MlirDialects, TheFirstOperandOfAddmmIsAdded) {
  const Features added = features_of(
      {"tensor<256x128xf32>", "tensor<256x512xf32>", "tensor<512x128xf32>"}, "tensor<256x128xf32>",
      "%r = torch.aten.addmm %0, %1, %2 : tensor<256x128xf32>, tensor<256x512xf32>, tensor<512x128xf32> -> "
      "tensor<256x128xf32>");
  EXPECT_EQ(added.at("flops"), 2.0 * 256 * 512 * 128);
}

TEST(MlirDialects, ProductsAsTheirDimensionsSay) {
  const Features linalg = features_of(
      {"tensor<96x16xf32>", "tensor<96x24xf32>", "tensor<16x24xf32>"}, "tensor<16x24xf32>",
      "%r = linalg.matmul_transpose_a ins(%0, %1 : tensor<96x16xf32>, tensor<96x24xf32>) outs(%2 : "
      "tensor<16x24xf32>) -> tensor<16x24xf32>");
  expect_same_loops(
      features_of({"tensor<96x16xf32>", "tensor<96x24xf32>"}, "tensor<16x24xf32>",
                  "%r = stablehlo.dot_general %0, %1, contracting_dims = [0] x [0] : (tensor<96x16xf32>, "
                  "tensor<96x24xf32>) -> tensor<16x24xf32>"),
      linalg);
  expect_same_loops(
      features_of({"tensor<96x16xf32>", "tensor<96x24xf32>"}, "tensor<16x24xf32>",
                  "%r = \"stablehlo.dot_general\"(%0, %1) {dot_dimension_numbers = "
                  "#stablehlo.dot<lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]>} : "
                  "(tensor<96x16xf32>, tensor<96x24xf32>) -> tensor<16x24xf32>"),
      linalg);
  expect_same_loops(
      features_of({"tensor<96x16xf32>", "tensor<96x24xf32>"}, "tensor<16x24xf32>",
                  "%r = \"stablehlo.einsum\"(%0, %1) {einsum_config = \"ki,kj->ij\"} : (tensor<96x16xf32>, "
                  "tensor<96x24xf32>) -> tensor<16x24xf32>"),
      linalg);
  const Features batched = features_of(
      {"tensor<4x8x16xf32>", "tensor<4x24x16xf32>", "tensor<4x8x24xf32>"}, "tensor<4x8x24xf32>",
      "%r = linalg.batch_matmul_transpose_b ins(%0, %1 : tensor<4x8x16xf32>, tensor<4x24x16xf32>) outs(%2 "
      ": tensor<4x8x24xf32>) -> tensor<4x8x24xf32>");
  expect_same_loops(
      features_of(
          {"tensor<4x8x16xf32>", "tensor<4x24x16xf32>"}, "tensor<4x8x24xf32>",
          "%r = stablehlo.dot_general %0, %1, batching_dims = [0] x [0], contracting_dims = [2] x [2] : "
          "(tensor<4x8x16xf32>, tensor<4x24x16xf32>) -> tensor<4x8x24xf32>"),
      batched);
  // Shapes alone: images of rows, a weight with its columns first, one matrix for all of a batch, a vector.
  const auto flops = [](const std::string& name, const std::string& left, const std::string& right,
                        const std::string& result) {
    return features_of({left, right}, result,
                       "%r = \"" + name + "\"(%0, %1) : (" + left + ", " + right + ") -> " + result)
        .at("flops");
  };
  EXPECT_EQ(flops("torch.aten.linear", "tensor<8x64xf32>", "tensor<32x64xf32>", "tensor<8x32xf32>"),
            2.0 * 8 * 64 * 32);
  EXPECT_EQ(flops("torch.aten.matmul", "tensor<4x8x64xf32>", "tensor<64x32xf32>", "tensor<4x8x32xf32>"),
            2.0 * 4 * 8 * 64 * 32);
  EXPECT_EQ(flops("torch.aten.mv", "tensor<8x64xf32>", "tensor<64xf32>", "tensor<8xf32>"), 2.0 * 8 * 64);
  EXPECT_EQ(flops("tosa.matmul", "tensor<2x8x64xf32>", "tensor<2x64x32xf32>", "tensor<2x8x32xf32>"),
            2.0 * 2 * 8 * 64 * 32);
  // Where they fit nothing else: the root of what both have in common.
  EXPECT_EQ(flops("x.matmul", "tensor<64x8xf32>", "tensor<64x32xf32>", "tensor<8x32xf32>"),
            2.0 * 64 * 8 * 32);
}

TEST(MlirDialects, ConvolutionsByTheirLayouts) {
  // 64 channels of input, and an image as large; 16 of output.
  const double flops = 2.0 * 62 * 62 * 16 * 9 * 64;
  const std::string image = "tensor<1x64x64x64xf32>", filter = "tensor<16x3x3x64xf32>",
                    result = "tensor<1x62x62x16xf32>";
  const Features linalg =
      features_of({image, filter, result}, result,
                  "%r = linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : "
                  "tensor<2xi64>} ins(%0, %1 : " +
                      image + ", " + filter + ") outs(%2 : " + result + ") -> " + result);
  EXPECT_EQ(linalg.at("flops"), flops);
  expect_same_loops(
      features_of(
          {image, filter, "tensor<16xf32>"}, result,
          "%r = tosa.conv2d %0, %1, %2 {dilation = array<i64: 1, 1>, pad = array<i64: 0, 0, 0, 0>, stride "
          "= array<i64: 1, 1>} : (" +
              image + ", " + filter + ", tensor<16xf32>) -> " + result),
      linalg);
  expect_same_loops(
      features_of(
          {image, filter}, result,
          "%r = stablehlo.convolution(%0, %1) dim_numbers = [b, 0, 1, f]x[o, 0, 1, i]->[b, 0, 1, f], window "
          "= {stride = [1, 1], pad = [[0, 0], [0, 0]]} {batch_group_count = 1 : i64, feature_group_count = 1 "
          ": i64} : (" +
              image + ", " + filter + ") -> " + result),
      linalg);
  const std::string first = "tensor<16x64x3x3xf32>", planes = "tensor<1x16x62x62xf32>";
  EXPECT_EQ(
      features_of({image, first}, planes,
                  "%r = \"torch.aten.convolution\"(%0, %1) : (" + image + ", " + first + ") -> " + planes)
          .at("flops"),
      flops);
  // Each channel for itself.
  const auto depthwise = [](const std::string& operation, const std::string& in, const std::string& weights,
                            const std::string& out) {
    return features_of({in, weights, out}, out,
                       "%r = " + operation + " ins(%0, %1 : " + in + ", " + weights + ") outs(%2 : " + out +
                           ") -> " + out)
        .at("flops");
  };
  EXPECT_EQ(depthwise("linalg.depthwise_conv_1d_ncw_cw", "tensor<4x64x130xf32>", "tensor<64x3xf32>",
                      "tensor<4x64x128xf32>"),
            2.0 * 4 * 64 * 128 * 3);
  EXPECT_EQ(depthwise("linalg.depthwise_conv_3d_ndhwc_dhwcm", "tensor<1x10x18x18x16xf32>",
                      "tensor<3x3x3x16x2xf32>", "tensor<1x8x16x16x16x2xf32>"),
            2.0 * 8 * 16 * 16 * 16 * 2 * 27);
  for (const auto& [multiplier, channels] : {std::pair(1, 64), std::pair(2, 128)})
    EXPECT_EQ(
        features_of(
            {"tensor<1x34x34x64xf32>", "tensor<3x3x64x" + std::to_string(multiplier) + "xf32>",
             "tensor<" + std::to_string(channels) + "xf32>"},
            "tensor<1x32x32x" + std::to_string(channels) + "xf32>",
            "%r = \"tosa.depthwise_conv2d\"(%0, %1, %2) {dilation = array<i64: 1, 1>, pad = array<i64: 0, 0, "
            "0, 0>, stride = array<i64: 1, 1>} : (tensor<1x34x34x64xf32>, tensor<3x3x64x" +
                std::to_string(multiplier) + "xf32>, tensor<" + std::to_string(channels) +
                "xf32>) -> tensor<1x32x32x" + std::to_string(channels) + "xf32>")
            .at("flops"),
        2.0 * 32 * 32 * channels * 9);
}

TEST(MlirDialects, LayoutsThatAreNoneGoByShapes) {
  const std::string image = "tensor<1x64x64x64xf32>", filter = "tensor<16x3x3x64xf32>",
                    result = "tensor<1x62x62x16xf32>";
  for (const std::string layout :
       {"[b, i, 1, f]x[o, 0, 1, i]->[b, 0, 1, f]", "[b, 0, 1, f]x[b, 0, 1, f]->[b, 0, 1, f]",
        "[b, 0, 9, f]x[o, 0, 9, i]->[b, 0, 9, f]", "[b]x[]->[", "]x["})
    EXPECT_EQ(features_of({image, filter}, result,
                          "%r = \"stablehlo.convolution\"(%0, %1) {dimension_numbers = \"" + layout +
                              "\"} : (" + image + ", " + filter + ") -> " + result)
                  .at("flops"),
              2.0 * 62 * 62 * 16 * 9 * 64)
        << layout;
  for (const std::string dimensions :
       {"[1, 1] x [0, 0]", "[7] x [0]", "[1] x", "[1] x [99999999999999999999]"})
    EXPECT_EQ(
        features_of({"tensor<8x64xf32>", "tensor<64x32xf32>"}, "tensor<8x32xf32>",
                    "%r = \"stablehlo.dot_general\"(%0, %1) {dot_dimension_numbers = \"contracting_dims = " +
                        dimensions + "\"} : (tensor<8x64xf32>, tensor<64x32xf32>) -> tensor<8x32xf32>")
            .at("flops"),
        2.0 * 8 * 64 * 32)
        << dimensions;
}

TEST(MlirDialects, ReductionsAlongTheirDimension) {
  const std::string square = "tensor<48x64xf32>";
  for (const int axis : {0, 1}) {
    const std::string number = std::to_string(axis), kept = axis == 0 ? "64" : "48";
    const std::string row = "tensor<" + kept + "xf32>",
                      as_one = axis == 0 ? "tensor<1x64xf32>" : "tensor<48x1xf32>";
    const Features linalg = features_of(
        {square, row}, row,
        "%r = linalg.reduce ins(%0 : " + square + ") outs(%1 : " + row + ") dimensions = [" + number +
            "]\n(%x: f32, %y: f32) {\n%z = arith.addf %x, %y : f32\nlinalg.yield %z : f32\n}");
    const Features tosa =
        features_of({square}, as_one,
                    "%r = tosa.reduce_sum %0 {axis = " + number + " : i32} : (" + square + ") -> " + as_one);
    const Features stablehlo =
        features_of({square, "tensor<f32>"}, row,
                    "%r = stablehlo.reduce(%0 init: %1) applies stablehlo.add across dimensions = [" +
                        number + "] : (" + square + ", tensor<f32>) -> " + row);
    const Features torch = features_of(
        {square}, as_one,
        "%d = torch.constant.int " + number +
            "\n%l = torch.prim.ListConstruct %d : (!torch.int) -> !torch.list<int>\n%k = torch.constant.bool "
            "true\n%n = torch.constant.none\n%r = torch.aten.sum.dim_IntList %0, %l, %k, %n : " +
            square + ", !torch.list<int>, !torch.bool, !torch.none -> " + as_one);
    for (const Features* one : {&tosa, &stablehlo, &torch}) {
      EXPECT_EQ(one->at("flops"), linalg.at("flops"));
      EXPECT_EQ(one->at("innermost_trips"), 64.0);
      EXPECT_EQ(one->at("real_reduction_iterations"), axis == 0 ? 0.0 : 48.0 * 64);
    }
  }
}

TEST(MlirDialects, WindowsAreGoneThrough) {
  const auto pooled = [](int size) {
    const std::string side = std::to_string(size), out = std::to_string(65 - size);
    const std::string in = "tensor<1x64x64x8xf32>", result = "tensor<1x" + out + "x" + out + "x8xf32>";
    const Features linalg = features_of(
        {in, "tensor<" + side + "x" + side + "xf32>", result}, result,
        "%r = linalg.pooling_nhwc_max {dilations = dense<1> : tensor<2xi64>, strides = dense<1> "
        ": tensor<2xi64>} ins(%0, %1 : " +
            in + ", tensor<" + side + "x" + side + "xf32>) outs(%2 : " + result + ") -> " + result);
    expect_same_loops(features_of({in}, result,
                                  "%r = tosa.max_pool2d %0 {kernel = array<i64: " + side + ", " + side +
                                      ">, pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 1, 1>} : (" + in +
                                      ") -> " + result),
                      linalg);
    expect_same_loops(
        features_of(
            {in, "tensor<f32>"}, result,
            "%r = \"stablehlo.reduce_window\"(%0, %1) ({\n^bb0(%x: tensor<f32>, %y: tensor<f32>):\n%z = "
            "stablehlo.maximum %x, %y : tensor<f32>\nstablehlo.return %z : tensor<f32>\n}) "
            "{window_dimensions "
            "= "
            "array<i64: 1, " +
                side + ", " + side + ", 1>} : (" + in + ", tensor<f32>) -> " + result),
        linalg);
    EXPECT_EQ(linalg.at("compare_count"), 8.0 * (65 - size) * (65 - size) * size * size);
  };
  pooled(3);
  pooled(7);
  const std::string in = "tensor<1x8x64x64xf32>", out = "tensor<1x8x32x32xf32>";
  const Features torch =
      features_of({in}, out,
                  "%k = torch.constant.int 2\n%l = torch.prim.ListConstruct %k, %k : (!torch.int, "
                  "!torch.int) -> !torch.list<int>\n%r = \"torch.aten.max_pool2d\"(%0, %l, %l) : (" +
                      in + ", !torch.list<int>, !torch.list<int>) -> " + out);
  EXPECT_EQ(torch.at("compare_count"), 8.0 * 32 * 32 * 4);
  EXPECT_EQ(features_of({"tensor<1x10x18x18x16xf32>", "tensor<3x3x3xf32>", "tensor<1x8x16x16x16xf32>"},
                        "tensor<1x8x16x16x16xf32>",
                        "%r = linalg.pooling_ndhwc_max ins(%0, %1 : tensor<1x10x18x18x16xf32>, "
                        "tensor<3x3x3xf32>) outs(%2 : "
                        "tensor<1x8x16x16x16xf32>) -> tensor<1x8x16x16x16xf32>")
                .at("compare_count"),
            8.0 * 16 * 16 * 16 * 27);
}

TEST(MlirDialects, TranspositionsTakeTheirDimensionsInOrder) {
  const std::string in = "tensor<512x256xf32>", out = "tensor<256x512xf32>";
  const Features linalg =
      features_of({in, out}, out,
                  "%r = linalg.transpose ins(%0 : " + in + ") outs(%1 : " + out + ") permutation = [1, 0]");
  EXPECT_EQ(linalg.at("hot_strided"), 1.0);
  expect_same_loops(
      features_of({in}, out, "%r = stablehlo.transpose %0, dims = [1, 0] : (" + in + ") -> " + out), linalg);
  expect_same_loops(
      features_of(
          {in}, out,
          "%p = \"tosa.const\"() <{value = dense<[1, 0]> : tensor<2xi32>}> : () -> tensor<2xi32>\n%r = "
          "tosa.transpose %0, %p : (" +
              in + ", tensor<2xi32>) -> " + out),
      linalg);
  expect_same_loops(
      features_of(
          {in}, out,
          "%a = torch.constant.int 0\n%b = torch.constant.int 1\n%r = \"torch.aten.transpose.int\"(%0, %a, "
          "%b) : (" +
              in + ", !torch.int, !torch.int) -> " + out),
      linalg);
}

TEST(MlirDialects, ASplatFillsItsTensor) {
  EXPECT_EQ(
      features_of({"f32"}, "tensor<64x32xf32>", "%r = tensor.splat %0 : tensor<64x32xf32>").at("store_count"),
      64.0 * 32);
}

TEST(MlirDialects, WhatNamesLookLikeSaysNothingOfBodies) {
  for (const char* name : {"emitc.for", "my.forall", "my.vector_loop", "my.order", "my.add_loop",
                           "my.dot_region", "my.subgraph", "my.mulgrid", "my.const_loop", "my.call_each"}) {
    const Module module = parse(fmt::format(
        "func.func @f(%a: memref<8xf32>) {{\n%i = arith.constant 0 : index\n\"{}\"() ({{\n"
        "%x = memref.load %a[%i] : memref<8xf32>\n%y = math.exp %x : f32\n"
        "memref.store %y, %a[%i] : memref<8xf32>\n\"my.yield\"() : () -> ()\n}}) : () -> ()\nreturn\n}}\n",
        name));
    const int function = module.functions().at(0);
    EXPECT_EQ(
        assumed(module, function),
        std::vector<std::string>{"1 operation with a body is not known, counted as if the body ran once"})
        << name;
    EXPECT_EQ(features(module, function).at("transcendental_count"), 1.0) << name;
  }
  // Words, not parts of them.
  EXPECT_EQ(work_of("my.floor_order"), Work::compare) << "floor";
  EXPECT_EQ(work_of("my.vector_order"), Work::unknown);
  for (const char* name : {"stablehlo.or", "stablehlo.xor", "tosa.logical_not", "torch.aten.__and__.Tensor"})
    EXPECT_EQ(work_of(name), Work::compare) << name;
}

TEST(MlirDialects, BracketsInStringsOfTypesCloseNothing) {
  for (const char* type : {R"(!foo.ty<"a>b">)", R"(!foo.ty<"a<b">)", R"(!foo.ty<"\">", i32>)"}) {
    const Module module = parse(fmt::format("func.func @f(%x: {}) {{ return }}", type));
    EXPECT_EQ(module.type_of(0).text, type);
  }
}

}  // namespace
}  // namespace hone::cost::mlir
