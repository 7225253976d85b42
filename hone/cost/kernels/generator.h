#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hone::cost {

/// A function to be compiled and measured, of a generator.
struct GeneratedKernel {
  std::uint64_t number = 0;
  std::string family;    ///< what kind of computation: "matmul"
  std::string group;     ///< its base kernel: the same computation in other sizes and schedules shares it
  std::string text;      ///< the MLIR module, one function
  std::string schedule;  ///< passes of the compiler to apply first, as mlir-opt takes them; "": none
};

/// The version of what generate_kernel gives: with another version the same number is another kernel.
inline constexpr int kGeneratorVersion = 3;

/// Kernel `number` of an endless varied sequence: affine loop nests (element-wise, reductions, matrix
/// products of all loop orders, triangular, symmetric and banded, solvers, stencils, convolutions, pooling,
/// attention, normalisations, contractions, scans, filters, pictures, gathers and scatters, tables filled
/// cell by cell, distances, sorting, lattices, formulas, optimisers, losses, gradients, chains and nests of
/// random accesses; kernel_families() lists all) and graphs of linalg on tensors; f32, f64 and i32;
/// log-uniform sizes from a few KB to well past the last-level cache, at most some 10^7 innermost iterations;
/// plain and transformed by the compiler's own loop passes. A pure function of (seed, number). Eight numbers
/// in a row form a group. `families`: only these; empty: all.
GeneratedKernel generate_kernel(std::uint64_t seed, std::uint64_t number,
                                const std::vector<std::string>& families = {});

/// All families, sorted.
std::vector<std::string> kernel_families();

}  // namespace hone::cost
