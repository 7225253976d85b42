// Blocks that are not written in the order of control: they cost what they do where they are.
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "function.h"
#include "hone/cost/mlir/features.h"
#include "hone/cost/mlir/jumps.h"
#include "shuffled.h"

namespace hone::cost::mlir {
namespace {

TEST(MlirBlockOrder, AJumpBackInTheTextIsNoLoop) {
  const std::string exp =
      "%x = memref.load %a[%c0] : memref<8xf32>\n%y = math.exp %x : f32\n"
      "memref.store %y, %a[%c0] : memref<8xf32>\n";
  const Features out_of_line = features_in(R"(
func.func @f(%a: memref<8xf32>, %p: i1) {
  %c0 = arith.constant 0 : index
  cf.cond_br %p, ^way, ^next
^next:
)" + exp + R"(
  return
^way:
  cf.br ^next
})");
  EXPECT_EQ(out_of_line.at("transcendental_count"), 1.0);
  EXPECT_EQ(out_of_line.at("unknown_loops"), 0.0);
  // One that nothing leads to makes none, either.
  const Features never = features_in(R"(
func.func @f(%a: memref<8xf32>, %p: i1) {
  %c0 = arith.constant 0 : index
  cf.br ^next
^next:
)" + exp + R"(
  return
^never:
  cf.br ^next
})");
  EXPECT_EQ(never.at("transcendental_count"), 1.0);
  EXPECT_EQ(never.at("unknown_loops"), 0.0);
}

TEST(MlirBlockOrder, WaysStandBehindWhereTheyMeet) {
  std::mt19937 random(2);
  const std::string text = R"(
func.func @f(%a: memref<100xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c10 = arith.constant 10 : index
  %c100 = arith.constant 100 : index
  cf.br ^head(%c0 : index)
^head(%i: index):
  %goes = arith.cmpi slt, %i, %c100 : index
  cf.cond_br %goes, ^body, ^end
^end:
  return
^body:
  %p = arith.cmpi slt, %i, %c10 : index
  cf.cond_br %p, ^few, ^most
^latch:
  %k = arith.addi %i, %c1 : index
  cf.br ^head(%k : index)
^few:
  %q = arith.cmpi slt, %i, %c2 : index
  cf.cond_br %q, ^fewest, ^latch
^most:
  %v = memref.load %a[%i] : memref<100xf32>
  %w = math.sqrt %v : f32
  cf.br ^then
^then:
  memref.store %w, %a[%i] : memref<100xf32>
  cf.br ^latch
^fewest:
  %x = memref.load %a[%i] : memref<100xf32>
  %y = math.exp %x : f32
  memref.store %y, %a[%i] : memref<100xf32>
  cf.br ^latch
})";
  for (int i = 0; i < 50; ++i) {
    const std::string other = i == 0 ? text : shuffled(text, random);
    SCOPED_TRACE(other);
    const Features features = features_in(other);
    EXPECT_DOUBLE_EQ(features.at("loop_iterations"), 100.0);
    EXPECT_DOUBLE_EQ(features.at("root_count"), 90.0);
    EXPECT_DOUBLE_EQ(features.at("transcendental_count"), 2.0);
  }
}

TEST(MlirBlockOrder, WhatLeavesALoopForGoodIsNotInIt) {
  const auto text = [](const char* between, const char* behind) {
    return fmt::format(R"(
func.func @f(%a: memref<64xf32>, %n: index) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  cf.br ^head(%c0 : index)
^head(%i: index):
  %goes = arith.cmpi slt, %i, %c64 : index
  cf.cond_br %goes, ^body, ^end
{}^body:
  %x = memref.load %a[%i] : memref<64xf32>
  %k = arith.addi %i, %c1 : index
  cf.br ^head(%k : index)
{}}})",
                       between, behind);
  };
  const char* end = R"(^end:
  %v = memref.load %a[%c0] : memref<64xf32>
  %w = math.exp %v : f32
  memref.store %w, %a[%c0] : memref<64xf32>
  return
)";
  const Features features = features_in(text(end, ""));
  EXPECT_EQ(features.at("transcendental_count"), 1.0);
  EXPECT_EQ(features.at("loop_iterations"), 64.0);
  EXPECT_EQ(features.at("unknown_loops"), 0.0);
  EXPECT_EQ(features.at("integer_count"), features_in(text("", end)).at("integer_count"));
}

TEST(MlirBlockOrder, LoopsAreTogetherAndTheRestAsWritten) {
  const auto order = [](const std::string& blocks) {
    const Module module = parse("func.func @f(%p: i1, %q: i1) {\n" + blocks + "}\n");
    const Jumps jumps = jumps_of(module, 0);
    std::string labels;
    for (const Block* block : jumps.blocks)
      if (!block->label.empty()) labels += block->label.substr(1);
    return labels;
  };
  // Ways beside each other, as they are written.
  EXPECT_EQ(order("cf.cond_br %p, ^b, ^a\n^a:\ncf.br ^d\n^b:\ncf.br ^c\n^d:\ncf.br ^e\n^c:\ncf.br ^e\n"
                  "^e:\nreturn\n"),
            "abdce");
  // A loop that two blocks leave, one to a way out of its own.
  EXPECT_EQ(order("cf.br ^a\n^a:\ncf.cond_br %p, ^b, ^c\n^b:\ncf.cond_br %q, ^d, ^e\n^d:\nreturn\n"
                  "^c:\ncf.cond_br %q, ^e, ^f\n^f:\nreturn\n^e:\ncf.br ^a\n"),
            "abcedf");
  // A loop that is entered in two places, and what nothing leads to.
  EXPECT_EQ(order("cf.cond_br %p, ^a, ^b\n^z:\ncf.br ^a\n^a:\ncf.br ^b\n^b:\ncf.cond_br %q, ^a, ^c\n"
                  "^c:\nreturn\n"),
            "abcz");
}

TEST(MlirBlockOrder, OfAnyJumps) {
  std::mt19937 random(3);
  const auto below = [&](int from, int to) { return std::uniform_int_distribution(from, to - 1)(random); };
  for (int i = 0; i < 2000; ++i) {
    const int size = below(2, 12);
    const bool forward = i % 2 == 0;  // no loops, each block led to
    std::string text = "func.func @f(%p: i1) {\n  cf.br ^b1\n";
    for (int b = 1; b < size; ++b) {
      text += fmt::format("^b{}:\n", b);
      if (b + 1 == size)
        text += "  return\n";
      else if (forward)
        text += fmt::format("  cf.cond_br %p, ^b{}, ^b{}\n", b + 1, below(b + 1, size));
      else
        text += fmt::format("  cf.cond_br %p, ^b{}, ^b{}\n", below(1, size), below(1, size));
    }
    text = shuffled(text + "}\n", random);
    SCOPED_TRACE(text);
    const Module module = parse(text);
    const Jumps jumps = jumps_of(module, 0);
    EXPECT_EQ(std::set(jumps.blocks.begin(), jumps.blocks.end()).size(), static_cast<std::size_t>(size));
    EXPECT_EQ(jumps.blocks[0]->label, "");
    if (forward) {
      EXPECT_EQ(std::ranges::count(jumps.last, -1), size);
    }
    features(module, module.functions().at(0));
  }
}

}  // namespace
}  // namespace hone::cost::mlir
