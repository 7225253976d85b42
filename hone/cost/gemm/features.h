#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hone/cost/gemm/gpu_limits.h"
#include "hone/cost/gemm/table.h"

namespace hone::cost {

/// Floating-point operations of a run: 2 m n k, of complex numbers 8 m n k, as often as there are products in
/// its batch.
double gemm_flops(const GemmRun& run);
/// Bytes that a run must move at least: A, B and C once, C twice where beta is not 0, each in its own type.
double gemm_bytes(const GemmRun& run);

/// What the forest is given of a product, by name: its sizes and their ratio, operations, least bytes,
/// arithmetic intensity; tiles, warps, instruction, registers, layouts, types; and what follows from them:
/// thread blocks, the share of their work that is not beyond an edge, steps over k, bytes moved with these
/// tiles and the intensity by them, shared memory, and where the GPU is known its occupancy, blocks a
/// multiprocessor, waves and how full the last one is. (The paper's section on features; bytes there are of
/// four-byte numbers.)
const std::vector<std::string>& gemm_feature_names();
/// In that order, all finite; 0 for what is not known.
std::vector<double> gemm_features(const GemmRun& run, const std::optional<Gpu>& gpu);

/// The nine that the published program is given: m, n, k, the three sizes of a tile, arithmetic intensity,
/// bytes and operations.
const std::vector<std::string>& published_gemm_feature_names();
std::vector<double> published_gemm_features(const GemmRun& run);

}  // namespace hone::cost
