// Pointers of the llvm dialect: kernels cost what they cost with memrefs.
#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "forms.h"
#include "function.h"
#include "hone/cost/mlir/layout.h"

namespace hone::cost::mlir {
namespace {

using test::Kernel;
using test::KernelText;

const std::vector<Kernel>& kernels() {
  static const std::vector<Kernel> list = {
      {"matrix product",
       {{"a", {48, 40}}, {"b", {40, 56}}, {"c", {48, 56}}},
       {{"i", 0, "48"}, {"j", 0, "56"}, {"k", 0, "40"}},
       {{"x", "a[i, k]"},
        {"y", "b[k, j]"},
        {"s", "c[i, j]"},
        {"p", "mulf x y"},
        {"q", "addf s p"},
        {"c[i, j]", "q"}}},
      {"matrix times vector",
       {{"a", {300, 200}, "f64"}, {"v", {200}, "f64"}, {"o", {300}, "f64"}},
       {{"i", 0, "300"}, {"j", 0, "200"}},
       {{"x", "a[i, j]"}, {"y", "v[j]"}, {"s", "o[i]"}, {"p", "mulf x y"}, {"q", "addf s p"}, {"o[i]", "q"}},
       "f64"},
      {"scalar product",
       {{"a", {4000}}, {"b", {4000}}, {"o", {1}}},
       {{"i", 0, "4000"}},
       {{"x", "a[i]"}, {"y", "b[i]"}, {"s", "o[0]"}, {"p", "mulf x y"}, {"q", "addf s p"}, {"o[0]", "q"}}},
      {"stencil of a row",
       {{"a", {1000}}, {"o", {1000}}},
       {{"t", 0, "20"}, {"i", 1, "999"}},
       {{"x", "a[i-1]"},
        {"y", "a[i]"},
        {"z", "a[i+1]"},
        {"p", "addf x y"},
        {"q", "mulf p z"},
        {"o[i]", "q"}}},
      {"stencil of a plane",
       {{"a", {200, 250}, "f64"}, {"o", {200, 250}, "f64"}},
       {{"i", 1, "199"}, {"j", 1, "249"}},
       {{"n", "a[i-1, j]"},
        {"s", "a[i+1, j]"},
        {"w", "a[i, j-1]"},
        {"e", "a[i, j+1]"},
        {"p", "addf n s"},
        {"q", "addf w e"},
        {"r", "addf p q"},
        {"o[i, j]", "r"}},
       "f64"},
      {"transpose",
       {{"a", {300, 200}}, {"o", {200, 300}}},
       {{"i", 0, "300"}, {"j", 0, "200"}},
       {{"x", "a[i, j]"}, {"o[j, i]", "x"}}},
      {"convolution",
       {{"a", {8, 34, 34}}, {"w", {16, 8, 3, 3}}, {"o", {16, 32, 32}}},
       {{"n", 0, "16"}, {"i", 0, "32"}, {"j", 0, "32"}, {"c", 0, "8"}, {"k", 0, "3"}, {"l", 0, "3"}},
       {{"x", "a[c, i+k, j+l]"},
        {"y", "w[n, c, k, l]"},
        {"s", "o[n, i, j]"},
        {"p", "mulf x y"},
        {"q", "addf s p"},
        {"o[n, i, j]", "q"}}},
      {"sums of rows",
       {{"a", {300, 200}}, {"o", {300}}},
       {{"i", 0, "300"}, {"j", 0, "200"}},
       {{"x", "a[i, j]"}, {"s", "o[i]"}, {"q", "addf s x"}, {"o[i]", "q"}}},
      {"sums of columns",
       {{"a", {300, 200}}, {"o", {200}}},
       {{"i", 0, "300"}, {"j", 0, "200"}},
       {{"x", "a[i, j]"}, {"s", "o[j]"}, {"q", "addf s x"}, {"o[j]", "q"}}},
      {"copy",
       {{"a", {64, 1000}}, {"o", {64, 1000}}},
       {{"i", 0, "64"}, {"j", 0, "1000"}},
       {{"x", "a[i, j]"}, {"o[i, j]", "x"}}},
      {"sum of halves",
       {{"a", {5000}, "f16"}, {"o", {5000}, "f16"}},
       {{"i", 0, "5000"}},
       {{"x", "a[i]"}, {"y", "o[i]"}, {"p", "mulf x x"}, {"q", "addf p y"}, {"o[i]", "q"}},
       "f16"},
      {"triangle",
       {{"a", {200, 200}, "f64"}, {"v", {200}, "f64"}, {"o", {200}, "f64"}},
       {{"i", 0, "200"}, {"j", 0, "i+1"}},
       {{"x", "a[i, j]"}, {"y", "v[j]"}, {"s", "o[i]"}, {"p", "mulf x y"}, {"q", "addf s p"}, {"o[i]", "q"}},
       "f64"},
  };
  return list;
}

double sum(const std::vector<double>& logarithms) {
  double total = 0.0;
  for (const double one : logarithms) total += std::expm1(one);
  return total;
}

/// Within a factor of 1.5 of each other.
void expect_near(double one, double other, const std::string& what) {
  EXPECT_LE(std::max(one, other), 1.5 * std::min(one, other) + 1.0) << what << ": " << one << ", " << other;
}

void expect_equal_costs(const std::string& text, const std::string& written, const std::string& what) {
  const Features one = features_in(text), other = features_in(written);
  for (const char* name : {"flops", "load_count", "store_count", "load_bytes", "store_bytes", "still_count",
                           "unit_stride_count", "long_stride_count", "indirect_count", "unknown_loops"})
    EXPECT_EQ(one.at(name), other.at(name)) << what << ": " << name;
  expect_near(one.at("footprint_bytes"), other.at("footprint_bytes"), what + ": bytes touched");
  expect_near(sum(one.rows.loaded), sum(other.rows.loaded), what + ": bytes loaded");
  expect_near(sum(one.rows.stored), sum(other.rows.stored), what + ": bytes stored");
  expect_near(sum(one.rows.instructions), sum(other.rows.instructions), what + ": instructions");
  expect_near(sum(one.rows.estimates), sum(other.rows.estimates), what + ": cycles");
  expect_near(sum(one.rows.core), sum(other.rows.core), what + ": cycles with all data near");
  expect_near(sum(one.rows.sizes), sum(other.rows.sizes), what + ": size of the code");
}

TEST(MlirPointers, KernelsCostTheSameInAllForms) {
  for (const Kernel& kernel : kernels()) {
    const std::string affine = in_form(kernel, KernelText::Form::affine);
    expect_equal_costs(in_form(kernel, KernelText::Form::blocks), affine, kernel.name + " of blocks");
    expect_equal_costs(in_form(kernel, KernelText::Form::llvm), affine, kernel.name + " of llvm");
  }
}

/// A loop over %i from 0 to 256 around lines of the llvm dialect.
std::string around(const std::string& arguments, const std::string& lines, const std::string& before = "") {
  return "llvm.func @malloc(i64) -> !llvm.ptr\nllvm.mlir.global internal @g() : !llvm.array<512 x f32>\n"
         "llvm.func @f(" +
         arguments +
         ") {\n%c0 = llvm.mlir.constant(0 : index) : i64\n%c1 = llvm.mlir.constant(1 : index) : i64\n"
         "%c2 = llvm.mlir.constant(2 : index) : i64\n%c256 = llvm.mlir.constant(256 : index) : i64\n" +
         before +
         "llvm.br ^head(%c0 : i64)\n^head(%i: i64):\n%goes = llvm.icmp \"slt\" %i, %c256 : i64\n"
         "llvm.cond_br %goes, ^body, ^end\n^body:\n" +
         lines + "%next = llvm.add %i, %c1 : i64\nllvm.br ^head(%next : i64)\n^end:\nllvm.return\n}\n";
}

Nest nest_of(const std::string& text) {
  const Module module = parse(text);
  for (const int function : module.functions())
    if (module.name_of(function) == "f") return nest(module, function);
  return {};
}

/// The one dimension that all places of the first access are in: elements an iteration, and from where.
std::pair<double, double> moves(const std::string& lines) {
  const Nest nest = nest_of(around("%p: !llvm.ptr, %o: !llvm.ptr", lines));
  if (nest.accesses.empty() || nest.accesses[0].indices.size() != 1) return {NAN, NAN};
  const Nest::Index& index = nest.accesses[0].indices[0];
  return {index.terms.empty() ? 0.0 : index.terms[0].second, index.constant};
}

using Moves = std::pair<double, double>;

TEST(MlirPointers, ConstantsMembersAndChains) {
  const auto gep = [](const std::string& of, const std::string& by, const std::string& type) {
    return fmt::format("= llvm.getelementptr {}[{}] : (!llvm.ptr, i64) -> !llvm.ptr, {}\n", of, by, type);
  };
  const std::string load = "%x = llvm.load %q : !llvm.ptr -> f32\nllvm.store %x, %o : f32, !llvm.ptr\n";
  EXPECT_EQ(moves("%q " + gep("%p", "%i", "f32") + load), Moves(1.0, 0.0));
  EXPECT_EQ(moves("%q " + gep("%p", "%i", "f64") + load), Moves(2.0, 0.0));
  EXPECT_EQ(moves("%q " + gep("%p", "%i, 1", "!llvm.struct<(i16, f32)>") + load), Moves(2.0, 1.0));
  EXPECT_EQ(moves("%q " + gep("%p", "%i, 2", "!llvm.array<8 x f32>") + load), Moves(8.0, 2.0));
  EXPECT_EQ(moves("%q " + gep("%p", "3", "f32") + load), Moves(0.0, 3.0));
  EXPECT_EQ(moves("%r " + gep("%p", "%i", "vector<4xf32>") + "%q " + gep("%r", "-1", "f32") + load),
            Moves(4.0, -1.0));
  EXPECT_EQ(moves("%r " + gep("%p", "4", "i8") + "%q " + gep("%r", "%i", "i32") + load), Moves(1.0, 1.0));
  EXPECT_EQ(moves("%d = llvm.shl %i, %c2 : i64\n%e = llvm.or disjoint %d, %c1 : i64\n%q " +
                  gep("%p", "%e", "f32") + load),
            Moves(4.0, 1.0));
  EXPECT_EQ(moves("%d = llvm.trunc %i : i64 to i32\n%e = llvm.sext %d : i32 to i64\n%q " +
                  gep("%p", "%e", "f32") + load),
            Moves(1.0, 0.0));
  // In bytes, by i8, as LLVM itself writes them.
  EXPECT_EQ(moves("%d = llvm.shl %i, %c2 : i64\n%q " + gep("%p", "%d", "i8") + load), Moves(1.0, 0.0));
}

TEST(MlirPointers, TheGenericForm) {
  EXPECT_EQ(
      moves("%q = \"llvm.getelementptr\"(%p, %i) <{elem_type = !llvm.array<8 x f32>, rawConstantIndices "
            "= array<i32: -2147483648, 2>}> : (!llvm.ptr, i64) -> !llvm.ptr\n"
            "%x = \"llvm.load\"(%q) <{ordering = 0 : i64}> : (!llvm.ptr) -> f32\n"
            "llvm.store %x, %o : f32, !llvm.ptr\n"),
      Moves(8.0, 2.0));
}

TEST(MlirPointers, MemoryOfTheFunctionsOwn) {
  const auto buffer = [](const std::string& before, const std::string& pointer) {
    const Nest nest = nest_of(around("%to: !llvm.ptr",
                                     "%q = llvm.getelementptr " + pointer +
                                         "[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32\n%x = llvm.load %q : "
                                         "!llvm.ptr -> f32\nllvm.store %x, %to : f32, !llvm.ptr\n",
                                     before));
    return nest.accesses.empty() ? Nest::Buffer{}
                                 : nest.buffers[static_cast<std::size_t>(nest.accesses[0].buffer)];
  };
  EXPECT_EQ(buffer("%a = llvm.alloca %c256 x f32 : (i64) -> !llvm.ptr\n", "%a").bytes, 1024.0);
  EXPECT_EQ(buffer("%a = llvm.mlir.addressof @g : !llvm.ptr\n", "%a").bytes, 2048.0);
  const Nest::Buffer heap = buffer(
      "%z = llvm.mlir.zero : !llvm.ptr\n%e = llvm.getelementptr %z[300] : (!llvm.ptr) -> !llvm.ptr, f32\n"
      "%b = llvm.ptrtoint %e : !llvm.ptr to i64\n%c64 = llvm.mlir.constant(64 : index) : i64\n"
      "%m = llvm.add %b, %c64 : i64\n%a = llvm.call @malloc(%m) : (i64) -> !llvm.ptr\n"
      "%k = llvm.ptrtoint %a : !llvm.ptr to i64\n%l = llvm.sub %c64, %c1 : i64\n%o = llvm.add %k, %l : i64\n"
      "%r = llvm.urem %o, %c64 : i64\n%u = llvm.sub %o, %r : i64\n%w = llvm.inttoptr %u : i64 to !llvm.ptr\n",
      "%w");
  EXPECT_EQ(heap.bytes, 1264.0);
  EXPECT_TRUE(heap.heap);
  EXPECT_FALSE(heap.argument);
}

TEST(MlirPointers, RowsOfLengthsThatTheTextLeavesOpen) {
  const Nest nest = nest_of(around("%p: !llvm.ptr, %o: !llvm.ptr, %n: i64",
                                   "%a = llvm.mul %i, %n : i64\n%b = llvm.add %a, %i : i64\n"
                                   "%q = llvm.getelementptr %p[%b] : (!llvm.ptr, i64) -> !llvm.ptr, f32\n"
                                   "%x = llvm.load %q : !llvm.ptr -> f32\n"
                                   "llvm.store %x, %o : f32, !llvm.ptr\n"));
  ASSERT_EQ(nest.accesses.size(), 2u);
  ASSERT_EQ(nest.accesses[0].indices.size(), 2u);
  for (const Nest::Index& index : nest.accesses[0].indices) {
    EXPECT_TRUE(index.exact);
    ASSERT_EQ(index.terms.size(), 1u);
    EXPECT_EQ(index.terms[0].second, 1.0);
  }
}

TEST(MlirPointers, PlacesThatWereLoaded) {
  const std::string text = around("%k: !llvm.ptr, %p: !llvm.ptr, %o: !llvm.ptr",
                                  "%a = llvm.getelementptr %k[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i32\n"
                                  "%b = llvm.load %a : !llvm.ptr -> i32\n%c = llvm.sext %b : i32 to i64\n"
                                  "%q = llvm.getelementptr %p[%c] : (!llvm.ptr, i64) -> !llvm.ptr, f32\n"
                                  "%x = llvm.load %q : !llvm.ptr -> f32\n"
                                  "%r = llvm.getelementptr %o[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32\n"
                                  "llvm.store %x, %r : f32, !llvm.ptr\n");
  const std::string written =
      "func.func @f(%k: memref<256xi32>, %p: memref<?xf32>, %o: memref<256xf32>) {\n"
      "affine.for %i = 0 to 256 {\n%b = affine.load %k[%i] : memref<256xi32>\n"
      "%c = arith.index_cast %b : i32 to index\n%x = memref.load %p[%c] : memref<?xf32>\n"
      "affine.store %x, %o[%i] : memref<256xf32>\n}\nreturn\n}\n";
  expect_equal_costs(text.substr(text.find("llvm.func @f")), written, "gather");
  EXPECT_EQ(features_in(text.substr(text.find("llvm.func @f"))).at("indirect_count"), 256.0);
}

TEST(MlirPointers, PointersThatLoopsHandOn) {
  const Nest nest = nest_of(
      "llvm.func @f(%p: !llvm.ptr, %e: f32) {\n%c0 = llvm.mlir.constant(0 : index) : i64\n"
      "%c1 = llvm.mlir.constant(1 : index) : i64\n%c256 = llvm.mlir.constant(256 : index) : i64\n"
      "llvm.br ^head(%c0, %p : i64, !llvm.ptr)\n^head(%i: i64, %q: !llvm.ptr):\n"
      "llvm.store %e, %q : f32, !llvm.ptr\n"
      "%r = llvm.getelementptr %q[2] : (!llvm.ptr) -> !llvm.ptr, f32\n%next = llvm.add %i, %c1 : i64\n"
      "%goes = llvm.icmp \"slt\" %next, %c256 : i64\n"
      "llvm.cond_br %goes, ^head(%next, %r : i64, !llvm.ptr), ^end\n^end:\nllvm.return\n}\n");
  ASSERT_EQ(nest.accesses.size(), 1u);
  ASSERT_EQ(nest.accesses[0].indices.size(), 1u);
  ASSERT_EQ(nest.accesses[0].indices[0].terms.size(), 1u);
  EXPECT_EQ(nest.accesses[0].indices[0].terms[0].second, 2.0);
}

TEST(MlirPointers, CopiesOfMemory) {
  const Features f = features_in(
      "llvm.func @f(%p: !llvm.ptr, %q: !llvm.ptr) {\n%m = llvm.mlir.constant(1024 : index) : i64\n"
      "%z = llvm.mlir.zero : !llvm.ptr\n%e = llvm.getelementptr %z[1] : (!llvm.ptr) -> !llvm.ptr, f32\n"
      "%b = llvm.ptrtoint %e : !llvm.ptr to i64\n%n = llvm.mul %m, %b : i64\n"
      "\"llvm.intr.memcpy\"(%p, %q, %n) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()\n"
      "llvm.return\n}\n");
  EXPECT_EQ(f.at("load_bytes"), 4096.0);
  EXPECT_EQ(f.at("store_bytes"), 4096.0);
}

TEST(MlirPointers, SumsOfSumsEndSoon) {
  std::string lines = "%s0 = llvm.add %i, %i : i64\n";
  for (int k = 1; k < 150; ++k) lines += fmt::format("%s{0} = llvm.add %s{1}, %s{1} : i64\n", k, k - 1);
  lines +=
      "%q = llvm.getelementptr %p[%s149] : (!llvm.ptr, i64) -> !llvm.ptr, f32\n"
      "%x = llvm.load %q : !llvm.ptr -> f32\nllvm.store %x, %o : f32, !llvm.ptr\n";
  EXPECT_TRUE(std::isfinite(moves(lines).first));
}

TEST(MlirPointers, HowFarValuesLieApart) {
  EXPECT_EQ(spacing_of("f16"), 2.0);
  EXPECT_EQ(spacing_of("i1"), 1.0);
  EXPECT_EQ(spacing_of("i48"), 8.0);
  EXPECT_EQ(spacing_of("!llvm.ptr<3>"), 8.0);
  EXPECT_EQ(spacing_of("vector<3xf32>"), 16.0);
  EXPECT_EQ(spacing_of("!llvm.array<3 x array<4 x f64>>"), 96.0);
  EXPECT_EQ(spacing_of("!llvm.struct<(i8, f64, i8)>"), 24.0);
  EXPECT_EQ(spacing_of("!llvm.struct<\"s\", packed (i8, f64, i8)>"), 10.0);
  EXPECT_EQ(spacing_of("!llvm.struct<\"s\", opaque>"), std::nullopt);
  EXPECT_EQ(spacing_of("!llvm.func<void ()>"), std::nullopt);
  EXPECT_EQ(spacing_of(""), std::nullopt);
  EXPECT_EQ(member_of("!llvm.struct<(ptr, array<2 x i64>, i8)>", 2)->bytes, 24.0);
  EXPECT_EQ(member_of("f32", 0).has_value(), false);
}

}  // namespace
}  // namespace hone::cost::mlir
