#include "hone/cost/gemm/gpu_limits.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::cost {
namespace {

constexpr std::int64_t kKib = 1024;

GpuLimits limits_of(const char* capability, int threads, int blocks, std::int64_t shared, std::int64_t block,
                    std::int64_t reserved) {
  GpuLimits limits;
  limits.capability = capability;
  limits.threads = threads;
  limits.blocks = blocks;
  limits.shared_bytes = shared * kKib;
  limits.block_bytes = block * kKib;
  limits.reserved_bytes = reserved * kKib;
  return limits;
}

const GpuLimits* limits_named(const std::string& capability) {
  for (const GpuLimits& limits : gpu_limits())
    if (limits.capability == capability) return &limits;
  return nullptr;
}

std::int64_t up_to(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }

}  // namespace

const std::vector<GpuLimits>& gpu_limits() {
  static const std::vector<GpuLimits> list{
      limits_of("6.0", 2048, 32, 64, 48, 0),   limits_of("6.1", 2048, 32, 96, 48, 0),
      limits_of("7.0", 2048, 32, 96, 96, 0),   limits_of("7.5", 1024, 16, 64, 64, 0),
      limits_of("8.0", 2048, 32, 164, 163, 1), limits_of("8.6", 1536, 16, 100, 99, 1),
      limits_of("8.7", 1536, 16, 164, 163, 1), limits_of("8.9", 1536, 24, 100, 99, 1),
      limits_of("9.0", 2048, 32, 228, 227, 1), limits_of("10.0", 2048, 32, 228, 227, 1),
      limits_of("12.0", 1536, 24, 100, 99, 1)};
  return list;
}

const std::vector<Gpu>& gpus() {
  static const std::vector<Gpu> list = [] {
    std::vector<Gpu> gpus;
    for (const auto& [name, capability, count] : {std::tuple{"p100", "6.0", 56},
                                                  {"gtx1080ti", "6.1", 28},
                                                  {"v100", "7.0", 80},
                                                  {"t4", "7.5", 40},
                                                  {"rtx2080ti", "7.5", 68},
                                                  {"a100", "8.0", 108},
                                                  {"a10", "8.6", 72},
                                                  {"a40", "8.6", 84},
                                                  {"rtx3090", "8.6", 82},
                                                  {"l4", "8.9", 58},
                                                  {"l40s", "8.9", 142},
                                                  {"rtx4070", "8.9", 46},
                                                  {"rtx4090", "8.9", 128},
                                                  {"h100-pcie", "9.0", 114},
                                                  {"h100-sxm", "9.0", 132},
                                                  {"h200", "9.0", 132},
                                                  {"b200", "10.0", 148},
                                                  {"rtx5090", "12.0", 170}})
      gpus.push_back({name, *limits_named(capability), count});
    return gpus;
  }();
  return list;
}

Gpu gpu_named(const std::string& name, const std::string& what) {
  std::string plain;
  for (const char c : name)
    if (c != ' ' && c != '_') plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::vector<std::string> names;
  for (const Gpu& gpu : gpus()) {
    if (gpu.name == plain) return gpu;
    names.push_back(gpu.name);
  }
  if (const std::size_t times = plain.find('x'); times != plain.npos && times > 0) {
    const GpuLimits* const limits = limits_named(plain.substr(0, times));
    int count = 0;
    const char* const end = plain.data() + plain.size();
    const auto [stop, code] = std::from_chars(plain.data() + times + 1, end, count);
    if (limits != nullptr && code == std::errc{} && stop == end && count >= 1 && count <= 10000)
      return {fmt::format("{} x {}", limits->capability, count), *limits, count};
  }
  throw Error(
      fmt::format("hone does not know the GPU '{}'", name), Place{"", 0, what},
      suggest(plain, names) + "; any other as its compute capability and number of multiprocessors: 8.9x46");
}

Occupancy gpu_occupancy(const GemmConfig& config, double bytes, double sum_bytes, const GpuLimits& limits) {
  Occupancy use;
  // What fits nowhere is as large as one likes; products of such numbers must not wrap around.
  constexpr std::int64_t kMost = 1'000'000'000;
  std::int64_t warps = 1;
  for (const std::int64_t side : {config.warps_m, config.warps_n, config.warps_k})
    warps = std::min(kMost, warps * std::clamp<std::int64_t>(side, 1, kMost));
  use.threads = 32 * warps;
  use.shared_bytes = static_cast<std::int64_t>(
      std::min(1e15, std::ceil(static_cast<double>(std::max<std::int64_t>(config.stages, 1)) *
                               (static_cast<double>(config.tile_m) + static_cast<double>(config.tile_n)) *
                               static_cast<double>(config.tile_k) * bytes)));
  use.registers = config.registers;
  if (use.registers == 0) {
    const double share = 1.0 / static_cast<double>(use.threads);
    const double sums = static_cast<double>(config.tile_m * config.tile_n) * share * sum_bytes / 4.0;
    const double step = static_cast<double>(std::max<std::int64_t>(config.inst_k, 1));
    // A warp's fragments of A and B, over its threads.
    const double rows =
        static_cast<double>(config.tile_m) / static_cast<double>(std::max<std::int64_t>(config.warps_m, 1));
    const double columns =
        static_cast<double>(config.tile_n) / static_cast<double>(std::max<std::int64_t>(config.warps_n, 1));
    const double fragments = 2.0 * (rows + columns) * step * bytes / 4.0 / 32.0;
    use.registers = static_cast<std::int64_t>(
        std::min(static_cast<double>(limits.thread_registers), std::ceil(sums + fragments) + 32.0));
  }
  use.bound = "blocks";
  use.blocks = limits.blocks;
  const auto bind = [&](std::int64_t blocks, const char* what) {
    if (blocks < use.blocks) {
      use.blocks = blocks;
      use.bound = what;
    }
  };
  bind(use.threads > limits.block_threads ? 0 : limits.threads / use.threads, "threads");
  bind(use.shared_bytes > limits.block_bytes
           ? 0
           : limits.shared_bytes / std::max<std::int64_t>(1, use.shared_bytes + limits.reserved_bytes),
       "shared memory");
  bind(use.registers > limits.thread_registers || use.threads > limits.block_threads
           ? 0
           : limits.registers / (up_to(use.registers * 32, 256) * up_to(warps, 4)),
       "registers");
  use.occupancy = static_cast<double>(use.blocks * use.threads) / limits.threads;
  return use;
}

}  // namespace hone::cost
