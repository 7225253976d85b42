#include "hone/cost/gemm/features.h"

#include <algorithm>
#include <cmath>

namespace hone::cost {
namespace {

double pieces(double size, double piece) { return piece > 0.0 ? std::ceil(size / piece) : 1.0; }

/// Of a number of C.
double out_bytes(const GemmRun& run) {
  return gemm_type_bytes(run.out_type.empty() ? run.type : run.out_type);
}

}  // namespace

double gemm_flops(const GemmRun& run) {
  // A complex product and sum are four real ones each.
  return (run.type.starts_with("cf") ? 8.0 : 2.0) * run.batch * static_cast<double>(run.shape.m) *
         static_cast<double>(run.shape.n) * static_cast<double>(run.shape.k);
}

double gemm_bytes(const GemmRun& run) {
  const auto m = static_cast<double>(run.shape.m), n = static_cast<double>(run.shape.n),
             k = static_cast<double>(run.shape.k);
  return run.batch * (gemm_type_bytes(run.type) * (m * k + k * n) +
                      out_bytes(run) * m * n * (run.beta != 0.0 ? 2.0 : 1.0));
}

const std::vector<std::string>& gemm_feature_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list{"m", "n", "k", "m_over_n", "flops", "bytes", "arithmetic_intensity"};
    for (const GemmConfig::Field& field : GemmConfig::fields()) list.emplace_back(field.name);
    for (const char* name :
         {"type_bytes", "sum_bytes", "batch", "beta", "blocks", "filled", "steps", "tile_bytes",
          "moved_bytes", "tile_intensity", "shared_bytes", "threads", "thread_registers", "blocks_resident",
          "occupancy", "waves", "last_wave", "sums_in_registers"})
      list.emplace_back(name);
    return list;
  }();
  return names;
}

std::vector<double> gemm_features(const GemmRun& run, const std::optional<Gpu>& gpu) {
  const auto m = static_cast<double>(run.shape.m), n = static_cast<double>(run.shape.n),
             k = static_cast<double>(run.shape.k);
  const GemmConfig& config = run.config;
  const double flops = gemm_flops(run), bytes = gemm_bytes(run);
  std::vector<double> row{m, n, k, m / n, flops, bytes, flops / bytes};
  for (const GemmConfig::Field& field : GemmConfig::fields())
    row.push_back(static_cast<double>(config.*field.value));
  const double number = gemm_type_bytes(run.type), sum = gemm_type_bytes(run.sum_type);
  const auto tm = static_cast<double>(config.tile_m), tn = static_cast<double>(config.tile_n),
             tk = static_cast<double>(config.tile_k);
  const double slices = std::max<double>(1.0, static_cast<double>(config.split_k));
  const double rows = pieces(m, tm), columns = pieces(n, tn), steps = pieces(k / slices, tk);
  const double blocks = run.batch * slices * rows * columns;
  const double whole =
      (tm > 0.0 ? rows * tm : m) * (tn > 0.0 ? columns * tn : n) * (tk > 0.0 ? slices * steps * tk : k);
  // Every block reads its rows of A and columns of B, whoever read them before.
  const double moved = run.batch * (number * (columns * m * k + rows * k * n) + out_bytes(run) * m * n);
  for (const double value : {number, sum, run.batch, run.beta, blocks, m * n * k / whole, steps,
                             number * (tm * tk + tk * tn + tm * tn), moved, flops / moved})
    row.push_back(value);
  Occupancy use;
  double waves = 0.0, last = 0.0;
  if (config.warps_m > 0) {
    // Without a GPU's limits threads and shared memory are known all the same.
    use = gpu_occupancy(config, number, sum, gpu ? gpu->limits : gpu_limits().back());
    if (!gpu) {
      use.blocks = 0;
      use.occupancy = 0.0;
    } else if (use.blocks > 0) {
      waves = blocks / static_cast<double>(use.blocks * gpu->multiprocessors);
      last = waves - std::floor(waves);
      last = last == 0.0 ? 1.0 : last;
    }
  }
  for (const double value : {static_cast<double>(use.shared_bytes), static_cast<double>(use.threads),
                             static_cast<double>(use.registers), static_cast<double>(use.blocks),
                             use.occupancy, waves, last, static_cast<double>(config.reg_m * config.reg_n)})
    row.push_back(value);
  return row;
}

const std::vector<std::string>& published_gemm_feature_names() {
  static const std::vector<std::string> names{
      "m", "n", "k", "tile_m", "tile_n", "tile_k", "arithmetic_intensity", "bytes", "flops"};
  return names;
}

std::vector<double> published_gemm_features(const GemmRun& run) {
  const auto m = static_cast<double>(run.shape.m), n = static_cast<double>(run.shape.n),
             k = static_cast<double>(run.shape.k);
  const double flops = 2.0 * m * n * k, bytes = 4.0 * (m * k + k * n + m * n);
  return {m,
          n,
          k,
          static_cast<double>(run.config.tile_m),
          static_cast<double>(run.config.tile_n),
          static_cast<double>(run.config.tile_k),
          flops / bytes,
          bytes,
          flops};
}

}  // namespace hone::cost
