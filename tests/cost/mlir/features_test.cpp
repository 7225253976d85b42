#include "hone/cost/mlir/features.h"

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../../fire/mutate.h"
#include "function.h"
#include "hone/base/error.h"
#include "hone/cost/mlir/assumed.h"
#include "hone/cost/mlir/tokens.h"
#include "texts.h"

namespace hone::cost::mlir {
namespace {

/// C += A B as three loops in an order.
std::string matmul(int n, const std::string& order) {
  std::string text = fmt::format(
      "func.func @matmul(%A: memref<{0}x{0}xf32>, %B: memref<{0}x{0}xf32>, %C: memref<{0}x{0}xf32>) {{\n", n);
  for (const char loop : order) text += fmt::format("affine.for %{} = 0 to {} {{\n", loop, n);
  text += fmt::format(
      "%a = affine.load %A[%i, %k] : memref<{0}x{0}xf32>\n%b = affine.load %B[%k, %j] : memref<{0}x{0}xf32>\n"
      "%c = affine.load %C[%i, %j] : memref<{0}x{0}xf32>\n%p = arith.mulf %a, %b : f32\n%s = arith.addf %c, "
      "%p : f32\n"
      "affine.store %s, %C[%i, %j] : memref<{0}x{0}xf32>\n}}\n}}\n}}\nreturn\n}}\n",
      n);
  return text;
}

TEST(MlirFeatures, AProductOfMatrices) {
  const Features ijk = features_in(matmul(64, "ijk"));
  EXPECT_EQ(ijk.function, "matmul");
  EXPECT_EQ(ijk.at("flops"), 2.0 * 64 * 64 * 64);
  EXPECT_EQ(ijk.at("load_count"), 3.0 * 64 * 64 * 64);
  EXPECT_EQ(ijk.at("store_bytes"), 4.0 * 64 * 64 * 64);
  EXPECT_EQ(ijk.at("footprint_bytes"), 3.0 * 64 * 64 * 4);
  EXPECT_EQ(ijk.at("argument_bytes"), 3.0 * 64 * 64 * 4);
  EXPECT_EQ(ijk.at("loop_depth"), 3.0);
  EXPECT_EQ(ijk.at("innermost_trips"), 64.0);
  EXPECT_EQ(ijk.at("hot_unit"), 1.0) << "A";
  EXPECT_EQ(ijk.at("hot_strided"), 1.0) << "B";
  EXPECT_EQ(ijk.at("hot_still"), 2.0) << "C";
  EXPECT_EQ(ijk.at("real_reduction_iterations"), 64.0 * 64 * 64);
  EXPECT_EQ(ijk.at("vectorizable_iterations"), 0.0);
  ASSERT_EQ(ijk.loops.size(), 3u);
  EXPECT_EQ(ijk.loops[2].working_set_bytes, (16.0 / 4 + 64.0 + 1.0) * 64)
      << "a row of A, a column of B, one line of C";

  const Features ikj = features_in(matmul(64, "ikj"));
  EXPECT_EQ(ikj.at("flops"), ijk.at("flops"));
  EXPECT_EQ(ikj.at("real_reduction_iterations"), 0.0);
  EXPECT_EQ(ikj.at("vectorizable_iterations"), 64.0 * 64 * 64);
  EXPECT_LT(ikj.at("estimated_cycles"), 0.4 * ijk.at("estimated_cycles"));
}

TEST(MlirFeatures, BytesOfTheArguments) {
  const auto bytes = [](const Features& function) {
    double sum = 0.0;
    for (const double row : function.rows.arguments) sum += std::exp(row);
    return sum;
  };
  EXPECT_NEAR(bytes(features_in(matmul(64, "ijk"))), 3.0 * 4.0 * 64 * 64, 0.1);
  EXPECT_NEAR(
      bytes(features_in("func.func @f(%a: memref<10xf64>, %s: f64, %n: i32) {\naffine.for %i = 0 to 10 {\n"
                        "affine.store %s, %a[%i] : memref<10xf64>\n}\nreturn\n}\n")),
      80.0 + 8.0 + 4.0, 0.1);
}

TEST(MlirFeatures, TrafficFollowsTheCache) {
  const Features small = features_in(matmul(64, "ikj")), large = features_in(matmul(1024, "ikj"));
  // What fits is fetched once, and written back once.
  EXPECT_EQ(small.at("traffic_512k_bytes"), 4.0 * 64 * 64 * 4);
  // B comes anew for each row of A where it does not fit.
  EXPECT_GT(large.at("traffic_2048k_bytes"), 1000.0 * 1024 * 1024 * 4);
  EXPECT_LT(large.at("traffic_32768k_bytes"), 5.0 * 1024 * 1024 * 4);
}

TEST(MlirFeatures, RowsStayInACacheThatHoldsAnIteration) {
  // Three rows of 8 KB are read and one written for each row of the result.
  const Features stencil = features_in(R"(
func.func @f(%A: memref<1002x2000xf32>, %B: memref<1000x2000xf32>) {
  affine.for %i = 0 to 1000 {
    affine.for %j = 0 to 2000 {
      %a = affine.load %A[%i, %j] : memref<1002x2000xf32>
      %b = affine.load %A[%i + 1, %j] : memref<1002x2000xf32>
      %c = affine.load %A[%i + 2, %j] : memref<1002x2000xf32>
      %d = arith.addf %a, %b : f32
      %e = arith.addf %d, %c : f32
      affine.store %e, %B[%i, %j] : memref<1000x2000xf32>
    }
  }
  return
})");
  const double rows = 1000.0 * 2000.0 * 4.0;
  EXPECT_NEAR(stencil.at("traffic_8k_bytes") / rows, 5.0, 0.05) << "each row comes three times";
  EXPECT_NEAR(stencil.at("traffic_128k_bytes") / rows, 3.0, 0.05) << "and here once";
  // Columns of 14 lines each are still there when the next ones are due.
  const Features columns = features_in(R"(
func.func @f(%A: memref<14x1328xf32>) {
  affine.for %k = 0 to 100 {
    affine.for %j = 0 to 1328 {
      affine.for %i = 0 to 14 {
        %a = affine.load %A[%i, %j] : memref<14x1328xf32>
        %b = arith.addf %a, %a : f32
        affine.store %b, %A[%i, %j] : memref<14x1328xf32>
      }
    }
  }
  return
})");
  EXPECT_NEAR(columns.at("traffic_8k_bytes") / (100.0 * 2.0 * 14.0 * 1328.0 * 4.0), 1.0, 0.05);
}

TEST(MlirFeatures, TilesAndTrianglesAreCounted) {
  // A tile's last run is shorter: in all as many iterations as without tiles.
  const Features tiled = features_in(R"(
func.func @f(%A: memref<100xf32>) {
  affine.for %i = 0 to 100 step 7 {
    affine.for %j = affine_map<(d0) -> (d0)>(%i) to min affine_map<(d0) -> (d0 + 7, 100)>(%i) {
      %x = affine.load %A[%j] : memref<100xf32>
      %y = arith.addf %x, %x : f32
      affine.store %y, %A[%j] : memref<100xf32>
    }
  }
  return
})");
  EXPECT_NEAR(tiled.at("add_count"), 100.0, 2.0);
  EXPECT_EQ(tiled.at("footprint_bytes"), std::ceil(400.0 / 64) * 64 > 400 ? 400.0 : 0.0);
  const Features triangle = features_in(R"(
func.func @f(%A: memref<64x64xf32>) {
  affine.for %i = 0 to 64 {
    affine.for %j = 0 to affine_map<(d0) -> (d0 + 1)>(%i) {
      %x = affine.load %A[%i, %j] : memref<64x64xf32>
      %y = arith.mulf %x, %x : f32
      affine.store %y, %A[%i, %j] : memref<64x64xf32>
    }
  }
  return
})");
  EXPECT_NEAR(triangle.at("multiply_count"), 64 * 65 / 2, 40);
}

TEST(MlirFeatures, OperationsOnTensorsAreTheLoopsThatTheyStandFor) {
  const Features named = features_in(R"(
func.func @f(%a: tensor<64x32xf32>, %b: tensor<32x16xf32>, %c: tensor<64x16xf32>) -> tensor<64x16xf32> {
  %0 = linalg.matmul ins(%a, %b : tensor<64x32xf32>, tensor<32x16xf32>) outs(%c : tensor<64x16xf32>) -> tensor<64x16xf32>
  return %0 : tensor<64x16xf32>
})");
  const Features generic = features_in(R"(
func.func @f(%a: tensor<64x32xf32>, %b: tensor<32x16xf32>, %c: tensor<64x16xf32>) -> tensor<64x16xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : tensor<64x32xf32>, tensor<32x16xf32>) outs(%c : tensor<64x16xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  } -> tensor<64x16xf32>
  return %0 : tensor<64x16xf32>
})");
  EXPECT_EQ(named.at("flops"), 2.0 * 64 * 32 * 16);
  EXPECT_EQ(named.at("innermost_trips"), 32.0);
  EXPECT_EQ(named.at("argument_bytes"), 4.0 * (64 * 32 + 32 * 16 + 64 * 16));
  for (const std::string& name : feature_names())
    if (!name.starts_with("static_")) {
      EXPECT_EQ(named.at(name), generic.at(name)) << name;
    }
  // Other dialects, by their names and shapes.
  const Features torch = features_in(R"(
func.func @f(%a: !torch.vtensor<[64,32],f32>, %b: !torch.vtensor<[32,16],f32>) -> !torch.vtensor<[64,16],f32> {
  %0 = torch.aten.mm %a, %b : !torch.vtensor<[64,32],f32>, !torch.vtensor<[32,16],f32> -> !torch.vtensor<[64,16],f32>
  %1 = torch.aten.tanh %0 : !torch.vtensor<[64,16],f32> -> !torch.vtensor<[64,16],f32>
  return %1 : !torch.vtensor<[64,16],f32>
})");
  EXPECT_EQ(torch.at("transcendental_count"), 64.0 * 16);
  EXPECT_EQ(torch.at("flops"), 2.0 * 64 * 32 * 16 + 64.0 * 16);
  const Features tosa = features_in(test::mlir_texts()[4].text);
  EXPECT_EQ(tosa.at("multiply_count"), 8.0 * 8 * 16 * 3 * 3 * 4);
  const Features convolution = features_in(R"(
func.func @f(%a: tensor<1x10x10x4xf32>, %w: tensor<3x3x4x16xf32>, %o: tensor<1x4x4x16xf32>) -> tensor<1x4x4x16xf32> {
  %0 = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>} ins(%a, %w : tensor<1x10x10x4xf32>, tensor<3x3x4x16xf32>) outs(%o : tensor<1x4x4x16xf32>) -> tensor<1x4x4x16xf32>
  return %0 : tensor<1x4x4x16xf32>
})");
  EXPECT_EQ(convolution.at("multiply_count"), 4.0 * 4 * 16 * 9 * 4);
}

/// All that depends on where accesses go; not how many operations the text has, and their values.
void expect_alike(const Features& a, const Features& b) {
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const std::string& name = feature_names()[i];
    if (name.starts_with("static_") || name.starts_with("pressure_")) continue;
    EXPECT_EQ(a.values[i], b.values[i]) << name;
  }
  EXPECT_EQ(a.rows.values, b.rows.values);
  EXPECT_EQ(a.rows.estimates, b.rows.estimates);
}

TEST(MlirFeatures, TilesThroughViewsAreWhereTheirOffsetsSay) {
  const auto copied = [](const std::string& views, const std::string& from, const std::string& to,
                         const std::string& types) {
    return features_in(
        "func.func @f(%A: memref<512x512xf64>, %B: memref<512x512xf64>) {\n"
        "%c1 = arith.constant 1 : index\naffine.for %i = 0 to 512 step 32 {\n"
        "affine.for %j = 0 to 512 step 32 {\n" +
        views + "affine.for %x = 0 to 32 {\naffine.for %y = 0 to 32 {\n%0 = affine.load " + from +
        " : memref<" + types + ">\naffine.store %0, " + to + " : memref<" + types +
        ">\n}\n}\n}\n}\nreturn\n}\n");
  };
  const Features plain = copied("", "%A[%i + %x, %j + %y]", "%B[%j + %y, %i + %x]", "512x512xf64");
  EXPECT_EQ(plain.at("footprint_bytes"), 2.0 * 512 * 512 * 8);
  const std::string tile = "32x32xf64, strided<[512, 1], offset: ?>";
  const auto views = [&](const char* a, const char* b) {
    return fmt::format(
        "%a = {} : memref<512x512xf64> to memref<{}>\n%b = {} : memref<512x512xf64> to memref<{}>\n", a, tile,
        b, tile);
  };
  expect_alike(
      copied(views("memref.subview %A[%i, %j] [32, 32] [1, 1]", "memref.subview %B[%j, %i] [32, 32] [1, 1]"),
             "%a[%x, %y]", "%b[%y, %x]", tile),
      plain);
  // In the generic form; a subview of a subview; through a cast.
  const auto generic = [&](const char* name, const char* of, const char* at) {
    return fmt::format(
        "{} = \"memref.subview\"({}, {}) <{{operandSegmentSizes = array<i32: 1, 2, 0, 0>, static_offsets = "
        "array<i64: -9223372036854775808, -9223372036854775808>, static_sizes = array<i64: 32, 32>, "
        "static_strides = array<i64: 1, 1>}}> : (memref<512x512xf64>, index, index) -> memref<{}>\n",
        name, of, at, tile);
  };
  expect_alike(
      copied(generic("%a", "%A", "%i, %j") + generic("%b", "%B", "%j, %i"), "%a[%x, %y]", "%b[%y, %x]", tile),
      plain);
  const std::string wide = "32x512xf64, strided<[512, 1], offset: ?>";
  expect_alike(
      copied("%r = memref.subview %A[%i, 0] [32, 512] [1, 1] : memref<512x512xf64> to memref<" + wide +
                 ">\n%a = memref.subview %r[0, %j] [32, 32] [1, 1] : memref<" + wide + "> to memref<" + tile +
                 ">\n%s = memref.subview %B[%j, %i] [32, 32] [1, 1] : memref<512x512xf64> to memref<" + tile +
                 ">\n%b = memref.cast %s : memref<" + tile +
                 "> to memref<32x32xf64, strided<[?, ?], offset: ?>>\n",
             "%a[%x, %y]", "%b[%y, %x]", tile),
      plain);
  // A part that is not where the loops are: one tile, all through.
  EXPECT_EQ(
      copied(views("memref.subview %A[64, 32] [32, 32] [1, 1]", "memref.subview %B[0, 0] [32, 32] [1, 1]"),
             "%a[%x, %y]", "%b[%y, %x]", tile)
          .at("footprint_bytes"),
      2.0 * 32 * 32 * 8);
}

TEST(MlirFeatures, ViewsOfFewerDimensionsAndStrides) {
  const auto summed = [](const std::string& view, const std::string& load) {
    return features_in(
        "func.func @f(%A: memref<64x300x128xf32>, %s: memref<300xf32>) {\naffine.for %i = 0 to 64 {\n" +
        view + "affine.for %x = 0 to 60 {\n%0 = " + load +
        "\naffine.store %0, %s[%x] : memref<300xf32>\n}\n}\nreturn\n}\n");
  };
  const std::string column = "memref<60xf32, strided<[640], offset: ?>>";
  expect_alike(summed("%v = memref.subview %A[%i, 3, 7] [1, 60, 1] [1, 5, 1] : memref<64x300x128xf32> to " +
                          column + "\n",
                      "affine.load %v[%x] : " + column),
               summed("", "affine.load %A[%i, %x * 5 + 3, 7] : memref<64x300x128xf32>"));
  // What sees a row in two dimensions.
  const auto rows = [](const std::string& view, const std::string& load) {
    return features_in(
        "func.func @f(%A: memref<65536xf32>, %s: memref<16xf32>) {\naffine.for %i = 0 to 65536 step 256 {\n" +
        view + "affine.for %x = 0 to 16 {\naffine.for %y = 0 to 16 {\n%0 = " + load +
        "\naffine.store %0, %s[%y] : memref<16xf32>\n}\n}\n}\nreturn\n}\n");
  };
  const std::string square = "memref<16x16xf32, strided<[16, 1], offset: ?>>";
  const Features plain = rows("", "affine.load %A[%i + %x * 16 + %y] : memref<65536xf32>");
  expect_alike(rows("%v = memref.reinterpret_cast %A to offset: [%i], sizes: [16, 16], strides: [16, 1] : "
                    "memref<65536xf32> to " +
                        square + "\n",
                    "affine.load %v[%x, %y] : " + square),
               plain);
  const std::string row = "memref<256xf32, strided<[1], offset: ?>>";
  const Features opened = rows("%r = memref.subview %A[%i] [256] [1] : memref<65536xf32> to " + row +
                                   "\n%v = memref.expand_shape %r [[0, 1]] output_shape [16, 16] : " + row +
                                   " into " + square + "\n",
                               "affine.load %v[%x, %y] : " + square);
  EXPECT_EQ(opened.at("footprint_bytes"), plain.at("footprint_bytes"));
}

TEST(MlirFeatures, OperationsOnTiles) {
  const auto product = [](int size, const std::string& sizes, const std::string& shape) {
    const std::string part = "memref<" + shape + "xf64, strided<[520, 1], offset: ?>>";
    std::string text = fmt::format(
        "#last = affine_map<(d0) -> (-d0 + {0}, 16)>\nfunc.func @mm(%A: memref<520x520xf64>, %B: "
        "memref<520x520xf64>, "
        "%C: memref<520x520xf64>) {{\n%c0 = arith.constant 0 : index\n%n = arith.constant {0} : index\n"
        "%t = arith.constant 16 : index\n",
        size);
    for (const char* loop : {"i", "j", "k"})
      text += fmt::format("scf.for %{0} = %c0 to %n step %t {{\n%{0}s = affine.min #last(%{0})\n", loop);
    const auto view = [&](const char* name, const char* of, const char* at, const char* by) {
      const std::string dynamic = fmt::format("%{}s, %{}s", at, by);
      text += fmt::format("%{} = memref.subview %{}[%{}, %{}] [{}] [1, 1] : memref<520x520xf64> to {}\n",
                          name, of, at, by, sizes.empty() ? dynamic : sizes, part);
    };
    view("a", "A", "i", "k");
    view("b", "B", "k", "j");
    view("c", "C", "i", "j");
    return features_in(text + "linalg.matmul ins(%a, %b : " + part + ", " + part + ") outs(%c : " + part +
                       ")\n}\n}\n}\nreturn\n}\n");
  };
  const Features even = product(512, "16, 16", "16x16"), told = product(512, "", "?x?"),
                 last = product(520, "", "?x?");
  EXPECT_EQ(even.at("flops"), 2.0 * 512 * 512 * 512);
  EXPECT_NEAR(even.at("footprint_bytes"), 3.0 * 512 * 520 * 8, 3.0 * 512 * 64);
  EXPECT_EQ(told.at("flops"), even.at("flops"));
  // The last tile is half as long: 33 of them, by the mean of what the sample points see.
  EXPECT_NEAR(last.at("flops"), 2.0 * 520 * 520 * 520, 0.05 * 2.0 * 520 * 520 * 520);
}

TEST(MlirFeatures, SizesThatWereCastAway) {
  const auto doubled = [](const std::string& cast, const std::string& type, const std::string& bound) {
    return features_in(
        "func.func @f(%A: memref<300x200xf64>) {\n%c0 = arith.constant 0 : index\n"
        "%c1 = arith.constant 1 : index\n" +
        cast + "scf.for %i = %c0 to %n step %c1 {\nscf.for %j = %c0 to %m step %c1 {\n%0 = memref.load " +
        bound + "[%i, %j] : memref<" + type + ">\n%1 = arith.addf %0, %0 : f64\nmemref.store %1, " + bound +
        "[%i, %j] : memref<" + type + ">\n}\n}\nreturn\n}\n");
  };
  const Features cast = doubled(
                     "%a = memref.cast %A : memref<300x200xf64> to memref<?x?xf64>\n"
                     "%n = memref.dim %a, %c0 : memref<?x?xf64>\n%m = memref.dim %a, %c1 : memref<?x?xf64>\n",
                     "?x?xf64", "%a"),
                 plain = doubled("%n = arith.constant 300 : index\n%m = arith.constant 200 : index\n",
                                 "300x200xf64", "%A");
  EXPECT_EQ(cast.at("flops"), 300.0 * 200);
  EXPECT_EQ(cast.at("footprint_bytes"), plain.at("footprint_bytes"));
  EXPECT_TRUE(cast.loops.at(1).known);
  // Of a buffer that is made here.
  EXPECT_EQ(doubled("%c7 = arith.constant 7 : index\n%a = memref.alloc(%c7) : memref<9x?xf64>\n"
                    "%n = memref.dim %a, %c0 : memref<9x?xf64>\n%m = memref.dim %a, %c1 : memref<9x?xf64>\n",
                    "9x?xf64", "%a")
                .loops.at(1)
                .trips,
            7.0);
}

/// A row that blocks go through; `more` stands in the body.
std::string jumping(const std::string& more) {
  return "func.func @f(%A: memref<100000xf64>, %c: i1, %n: index) {\n  %c0 = arith.constant 0 : index\n"
         "  %c1 = arith.constant 1 : index\n"
         "  cf.br ^head(%c0 : index)\n^head(%i: index):\n  %d = arith.cmpi slt, %i, %n : index\n"
         "  cf.cond_br %d, ^body, ^exit\n^body:\n  %0 = memref.load %A[%i] : memref<100000xf64>\n"
         "  %1 = arith.addf %0, %0 : f64\n  memref.store %1, %A[%i] : memref<100000xf64>\n" +
         more + "  %i2 = arith.addi %i, %c1 : index\n  cf.br ^head(%i2 : index)\n^exit:\n  return\n}\n";
}

TEST(MlirFeatures, BlocksThatAreJumpedBackToAreLoops) {
  const Features once = features_in(jumping(""));
  ASSERT_EQ(once.loops.size(), 1u);
  EXPECT_EQ(once.loops[0].trips, 64.0);
  EXPECT_FALSE(once.loops[0].known);
  EXPECT_EQ(once.loops[0].unit, 2.0) << "what is handed back with one more each time";
  EXPECT_EQ(once.at("flops"), 64.0);
  // One around another, in the generic form.
  const Features nested = features_in(
      "\"func.func\"() <{function_type = (memref<9xf32>) -> (), sym_name = \"f\"}> ({\n^bb0(%A: "
      "memref<9xf32>):\n"
      "  %c = \"arith.constant\"() <{value = true}> : () -> i1\n  %k = \"arith.constant\"() <{value = 3 : "
      "index}> : () "
      "-> index\n  \"cf.br\"()[^bb1] : () -> ()\n^bb1:\n  \"cf.br\"()[^bb2] : () -> ()\n^bb2:\n"
      "  %x = \"memref.load\"(%A, %k) : (memref<9xf32>, index) -> f32\n  %y = \"arith.mulf\"(%x, %x) : (f32, "
      "f32) -> f32\n"
      "  \"memref.store\"(%y, %A, %k) : (f32, memref<9xf32>, index) -> ()\n"
      "  \"cf.cond_br\"(%c)[^bb2, ^bb3] <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (i1) -> ()\n^bb3:\n"
      "  \"cf.cond_br\"(%c)[^bb1, ^bb4] <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (i1) -> ()\n^bb4:\n"
      "  \"func.return\"() : () -> ()\n}) : () -> ()\n");
  ASSERT_EQ(nested.loops.size(), 2u);
  EXPECT_EQ(nested.loops[1].entries, 64.0);
  EXPECT_EQ(nested.at("flops"), 64.0 * 64.0);
}

TEST(MlirFeatures, WhatIsAssumedIsSaid) {
  const auto said = [](const std::string& text) {
    const Module module = parse(text);
    return assumed(module, module.functions().at(0));
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(said(matmul(64, "ijk")), List{});
  EXPECT_EQ(said(jumping("")), List{"1 loop bound is not known, counted as 64"});
  EXPECT_EQ(said(jumping("  cf.cond_br %c, ^left, ^right\n^left:\n  cf.br ^right\n^right:\n")),
            (List{"1 loop bound is not known, counted as 64", "control flow by cf is counted once"}));
  EXPECT_EQ(said("func.func @f(%A: memref<?x?xf32>, %n: index) {\n%c0 = arith.constant 0 : index\n"
                 "%c1 = arith.constant 1 : index\n%z = arith.constant 0.0 : f32\n"
                 "scf.for %i = %c0 to %n step %c1 {\nscf.for %j = %c0 to %n step %c1 {\n"
                 "memref.store %z, %A[%i, %j] : memref<?x?xf32>\n}\n}\nreturn\n}\n"),
            (List{"2 loop bounds are not known, counted as 64",
                  "2 sizes of buffers are not known, counted as 64"}));
}

TEST(MlirFeatures, PressureIsWhatLivesTogether) {
  std::string text = "func.func @f(%A: memref<64xf32>) -> f32 {\n";
  for (int i = 0; i < 20; ++i) text += fmt::format("%x{0} = affine.load %A[{0}] : memref<64xf32>\n", i);
  text += "%s0 = arith.addf %x0, %x1 : f32\n";
  for (int i = 2; i < 20; ++i) text += fmt::format("%s{} = arith.addf %s{}, %x{} : f32\n", i - 1, i - 2, i);
  text += "return %s18 : f32\n}\n";
  const Features all = features_in(text);
  EXPECT_NEAR(all.at("static_real_pressure"), 21.0, 1.0);
  EXPECT_LT(features_in(matmul(8, "ijk")).at("static_real_pressure"), 6.0);
}

TEST(MlirFeatures, WhatACompilerTakesOutIsNotCounted) {
  const Features all = features_in(R"(
func.func @f(%A: memref<64xi32>, %x: i32) {
  %zero = arith.constant 0 : i32
  %local = memref.alloc() : memref<64xi32>
  affine.for %i = 0 to 64 {
    %a = affine.load %A[%i] : memref<64xi32>
    %b = arith.muli %a, %zero : i32
    %c = arith.addi %a, %b : i32
    affine.store %c, %A[%i] : memref<64xi32>
    affine.store %x, %local[%i] : memref<64xi32>
    %unused = arith.addi %x, %x : i32
  }
  memref.dealloc %local : memref<64xi32>
  return
})");
  EXPECT_EQ(all.at("load_count") + all.at("store_count") + all.at("integer_count") +
                all.at("integer_multiply_count"),
            0.0);
}

TEST(MlirFeatures, WhateverIsReadHasFeatures) {
  for (const test::MlirText& one : test::mlir_texts()) {
    const Module module = parse(one.text, one.name);
    EXPECT_FALSE(module.functions().empty()) << one.name;
    for (const int function : module.functions()) {
      const Features all = features(module, function);
      EXPECT_EQ(all.values.size(), feature_names().size());
      for (std::size_t i = 0; i < all.values.size(); ++i)
        EXPECT_TRUE(std::isfinite(all.values[i]) && all.values[i] >= 0.0)
            << one.name << " " << feature_names()[i] << " " << all.values[i];
    }
  }
  std::vector<std::string> corpus;
  for (const test::MlirText& one : test::mlir_texts()) corpus.push_back(one.text);
  test::Mutator mutator(corpus, 8);
  for (std::int64_t i = 0; i < test::fuzz_inputs(1000); ++i) {
    try {
      const Module module = parse(mutator.next());
      for (const int function : module.functions()) {
        for (const double value : features(module, function).values) ASSERT_TRUE(std::isfinite(value));
        tokens(module, function, Tokens::operands);
      }
    } catch (const Error&) {
    }
  }
  // A function that calls itself, values that depend on each other in circles, long chains.
  std::string chain = "func.func @f(%n: index, %A: memref<?xf32>) -> f32 {\n%0 = arith.addi %n, %n : index\n";
  for (int i = 1; i < 5000; ++i) chain += fmt::format("%{} = arith.addi %{}, %n : index\n", i, i - 1);
  chain +=
      "%x = memref.load %A[%4999] : memref<?xf32>\n%y = call @f(%0, %A) : (index, memref<?xf32>) -> f32\n"
      "%c = arith.addi %d, %n : index\n%d = arith.addi %c, %n : index\n%z = memref.load %A[%c] : "
      "memref<?xf32>\n"
      "return %z : f32\n}\n";
  EXPECT_EQ(features_in(chain).at("call_count"), 1.0);
}

TEST(MlirTokens, BothKinds) {
  const Module module = parse(matmul(8, "ijk"));
  const int function = module.functions()[0];
  EXPECT_EQ(tokens(module, function, Tokens::operations),
            (std::vector<std::string>{"8x8xf32", "8x8xf32", "8x8xf32", "affine.for", "affine.for",
                                      "affine.for", "affine.load", "affine.load", "affine.load", "arith.mulf",
                                      "arith.addf", "affine.store", "}", "}", "}", "func.return"}));
  const std::vector<std::string> operands = tokens(module, function, Tokens::operands);
  const std::vector<std::string> beginning(operands.begin(), operands.begin() + 20);
  EXPECT_EQ(beginning, (std::vector<std::string>{
                           "8x8xf32",    "8x8xf32",     "8x8xf32", "affine.for", "0",          "8",  "1",
                           "affine.for", "0",           "8",       "1",          "affine.for", "0",  "8",
                           "1",          "affine.load", "%0",      "%3",         "%5",         "f32"}));
  // Names do not matter.
  std::string renamed = matmul(8, "ijk");
  for (std::size_t at; (at = renamed.find("%a ")) != std::string::npos;) renamed.replace(at, 3, "%left ");
  for (std::size_t at; (at = renamed.find("%a,")) != std::string::npos;) renamed.replace(at, 3, "%left,");
  const Module other = parse(renamed);
  EXPECT_EQ(tokens(other, other.functions()[0], Tokens::operands), operands);

  const std::vector<std::vector<std::string>> texts{operands, tokens(module, function, Tokens::operations)};
  const Vocabulary vocabulary = Vocabulary::build(texts, 2);
  EXPECT_EQ(Vocabulary::from_json(vocabulary.json()), vocabulary);
  EXPECT_EQ(vocabulary.number("affine.for"), vocabulary.encode(std::vector<std::string>{"affine.for"})[0]);
  EXPECT_EQ(vocabulary.number("never.seen"), Vocabulary::kUnknown);
  EXPECT_THROW(Vocabulary::from_json(Json::parse("[\"a\", \"a\"]")), Error);
}

}  // namespace
}  // namespace hone::cost::mlir
