#include "hone/cost/gemm/measure.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/rng.h"
#include "hone/cost/stopwatch.h"

namespace hone::cost {
namespace {

constexpr std::int64_t kTileRows[]{16, 32, 64, 128, 256};
constexpr std::int64_t kTileColumns[]{16, 32, 64, 128, 256, 512};
constexpr std::int64_t kTileDepths[]{32, 64, 128, 256, 512};
/// After so many planned shapes without anything new there is nothing new.
constexpr std::size_t kKnownInTurn = 10000;

std::int64_t log_uniform(Rng& rng, std::int64_t low, std::int64_t high) {
  const double at =
      rng.uniform(std::log(static_cast<double>(low)), std::log(static_cast<double>(high) + 1.0));
  return std::clamp(static_cast<std::int64_t>(std::exp(at)), low, high);
}

template <std::size_t N>
std::int64_t one_of(const std::int64_t (&list)[N], Rng& rng) {
  return list[rng.below(N)];
}

/// What computes the same as another: a tile that is cut to the matrix.
GemmConfig cut_to(GemmConfig config, const GemmShape& shape) {
  config.tile_m = std::min(config.tile_m, shape.m);
  config.tile_n = std::min(config.tile_n, shape.n);
  config.tile_k = std::min(config.tile_k, shape.k);
  return config;
}

}  // namespace

GemmShape planned_shape(const GemmMeasureOptions& options, std::size_t i) {
  Rng rng(options.seed, "gemm shape", i);
  for (int attempt = 0;; ++attempt) {
    GemmShape shape;
    for (std::int64_t GemmShape::*size : {&GemmShape::m, &GemmShape::n, &GemmShape::k}) {
      std::int64_t value = log_uniform(rng, options.least, options.largest);
      const std::int64_t even = (value + 8) / 16 * 16;
      if (rng.below(3) == 0 && even >= options.least && even <= options.largest) value = even;
      shape.*size = value;
    }
    const double flops =
        2.0 * static_cast<double>(shape.m) * static_cast<double>(shape.n) * static_cast<double>(shape.k);
    if (flops <= options.most_flops) return shape;
    if (attempt == 1000) return {options.least, options.least, options.least};
  }
}

std::vector<GemmConfig> planned_configs(const GemmMeasureOptions& options, const GemmShape& shape,
                                        std::size_t i) {
  Rng rng(options.seed, "gemm configs", i);
  const auto registers = cpu_gemm_registers(options.type);
  std::vector<GemmConfig> list{cpu_gemm_default(options.type)};
  std::set<GemmConfig> distinct{cut_to(list.front(), shape)};
  for (int attempt = 0; list.size() < options.configs && attempt < 2000; ++attempt) {
    GemmConfig config;
    config.tile_m = one_of(kTileRows, rng);
    config.tile_n = one_of(kTileColumns, rng);
    config.tile_k = one_of(kTileDepths, rng);
    std::tie(config.reg_m, config.reg_n) = registers[rng.below(registers.size())];
    if (distinct.insert(cut_to(config, shape)).second) list.push_back(config);
  }
  return list;
}

std::vector<GemmRun> measure_gemm(const GemmShape& shape, const std::vector<GemmConfig>& configs,
                                  const GemmMeasureOptions& options, EnergyMeter* meter,
                                  const Interrupted& interrupted) {
  CpuGemm product(shape, options.type, options.seed);
  const std::string device = cpu_gemm_device();
  std::vector<std::function<void()>> subjects;
  std::vector<double> calls;
  // Amid a product too, whose time says nothing then.
  bool stopped = false;
  const Interrupted asked = [&] { return stopped = stopped || (interrupted && interrupted()); };
  for (const GemmConfig& config : configs) {
    if (asked()) return {};
    // Fills panels and caches, and throws where there is no such loop.
    if (!product.run(config, asked)) return {};
    const double began = thread_s();
    if (!product.run(config, asked)) return {};
    const double took = std::max(thread_s() - began, 1e-8);
    const double times = std::clamp(std::ceil(options.sample_seconds / took), 1.0, 1e6);
    calls.push_back(times);
    subjects.emplace_back([&product, &config, &asked, &stopped, times] {
      for (double call = 0.0; call < times && !stopped; call += 1.0) (void)product.run(config, asked);
    });
  }
  TimingOptions timing;
  timing.warmup = 0;
  timing.rounds = 1;
  timing.extra_rounds = 1;
  timing.repeats = options.repeats;
  timing.extra_repeats = options.repeats;
  timing.max_seconds = 20.0;
  timing.quiet = options.quiet;
  timing.processor = true;
  const auto timings = measure_all(subjects, timing, asked);
  if (asked()) return {};
  std::vector<GemmRun> runs;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    if (!(timings[i].seconds > 0.0)) return {};
    GemmRun run;
    run.shape = shape;
    run.config = configs[i];
    run.type = run.sum_type = options.type;
    run.runtime_s = timings[i].seconds / calls[i];
    run.spread = timings[i].spread;
    run.device = device;
    if (meter != nullptr) {
      meter->start();
      const double began = monotonic_s();
      do {
        subjects[i]();
        if (asked()) return {};
      } while (monotonic_s() - began < options.power_seconds);
      const Energy energy = meter->stop();
      if (energy.measured && energy.joules > 0.0 && energy.seconds > 0.0)
        run.power_w = energy.joules / energy.seconds;
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

GemmMeasurement::GemmMeasurement(const std::string& file, const GemmMeasureOptions& options)
    : options_(options), meter_(options.energy), device_(cpu_gemm_device()) {
  if (options.least < 1 || options.largest < options.least || options.configs < 1 || options.repeats < 1 ||
      !(options.seconds > 0.0) || !(options.most_flops >= 2.0))
    throw internal_error("impossible options for measuring products of matrices");
  const double smallest = static_cast<double>(options.least);
  if (2.0 * smallest * smallest * smallest > options.most_flops)
    throw Error(fmt::format("the least shape already has more than {:g} operations", options.most_flops));
  (void)cpu_gemm_registers(options.type);
  power_ = meter_.measures();
  without_power_ = meter_.without_rapl();
  // A pipe would be waited for, and what is written to it cannot be read again.
  if (is_device(file))
    throw Error("is no regular file: rows are appended to a table that is read first", Place{file, 0, ""},
                "name a file");
  if (std::filesystem::is_directory(file)) throw Error("is a folder, not a file", Place{file, 0, ""});
  file_ =
      std::make_unique<AppendedFile>(file, "another measurement is writing this table",
                                     "wait until it has ended, or name another file; learn reads several");
  if (file_->size() == 0) return;
  const std::string text = read_file(file);
  // Cut off in its first line it is as good as empty.
  if (text.find('\n') == text.npos &&
      (gemm_table_header(false).starts_with(text) || gemm_table_header(true).starts_with(text))) {
    file_->cut(0);
    return;
  }
  const GemmTable table = parse_gemm_table(text, file);
  if (table.cutlass)
    throw Error("this is a table of cutlass_profiler's, to which hone adds nothing", Place{file, 0, ""},
                "name another file");
  const bool had_power = text.substr(0, text.find('\n')).find("power_w") != std::string::npos;
  if (text.find('\n') == text.npos || (text.substr(0, text.find('\n') + 1) != gemm_table_header(had_power)))
    throw Error("its columns are not those that hone measure writes", Place{file, 1, ""},
                "name another file; tables are learned from together");
  for (const GemmRun& run : table.runs) {
    if (run.device != device_ || run.type != options.type)
      throw Error(fmt::format("this row is of {} on '{}', not of {} on '{}'", run.type, run.device,
                              options.type, device_),
                  Place{file, run.line, run.device != device_ ? "device" : "type"},
                  "name another file; one table is of one device and type");
    known_.emplace(run.shape, run.config);
  }
  earlier_ = table.runs.size();
  if (had_power && !power_)
    throw Error(fmt::format("the table has power, which cannot be measured now: {}", without_power_),
                Place{file, 1, "power_w"}, "name another file");
  power_ = had_power;
  if (!had_power && meter_.measures()) without_power_ = "the table was begun without it";
  if (text.back() != '\n') file_->cut(text.rfind('\n') + 1);
}

void GemmMeasurement::append(AppendedFile& file, const std::vector<GemmRun>& runs) const {
  std::string text;
  if (file.size() == 0) text = gemm_table_header(power_);
  for (const GemmRun& run : runs) text += gemm_table_line(run, power_);
  file.append(text);
}

GemmMeasurement::Outcome GemmMeasurement::run(const std::function<void(const Progress&)>& progress,
                                              const Interrupted& interrupted) {
  const std::unique_ptr<AppendedFile> file = std::move(file_);
  if (!file) throw internal_error("products are measured once by what measures them");
  Outcome outcome;
  std::set<GemmShape> shapes;  // a small range draws the same ones again
  const double began = monotonic_s();
  const auto over = [&] { return monotonic_s() - began >= options_.seconds; };
  // A small range of sizes has few shapes, which are drawn again and again.
  std::size_t known_in_turn = 0;
  for (std::size_t i = 0; options_.shapes == 0 || i < options_.shapes; ++i) {
    if (interrupted && interrupted()) {
      outcome.interrupted = true;
      break;
    }
    if (over()) break;
    const GemmShape shape = planned_shape(options_, i);
    auto configs = planned_configs(options_, shape, i);
    std::erase_if(configs, [&](const GemmConfig& config) { return known_.contains({shape, config}); });
    if (configs.empty()) {
      // An earlier run's shapes come first, all of them known.
      if (++known_in_turn <= kKnownInTurn + known_.size()) continue;
      outcome.exhausted = true;
      break;
    }
    known_in_turn = 0;
    if (progress) progress({outcome.shapes, outcome.rows, monotonic_s() - began, shape});
    const auto runs = measure_gemm(shape, configs, options_, power_ ? &meter_ : nullptr,
                                   [&] { return over() || (interrupted && interrupted()); });
    if (interrupted && interrupted()) {
      outcome.interrupted = true;
      break;
    }
    if (runs.empty()) {
      outcome.unfinished = over();
      continue;
    }
    append(*file, runs);
    shapes.insert(shape);
    outcome.shapes = shapes.size();
    outcome.rows += runs.size();
    for (const GemmRun& run : runs) {
      known_.emplace(run.shape, run.config);
      outcome.disturbed += run.spread > 0.1 ? 1 : 0;
    }
  }
  return outcome;
}

}  // namespace hone::cost
