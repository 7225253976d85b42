#include "hone/label/tuner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/label/runner.h"

namespace hone::label {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr std::size_t kAsked = 24;  ///< neighbours that a learned model is asked about
constexpr int kPatience = 2;    ///< candidates in a row that are no better, before some are drawn at random
constexpr double kDoubt = 0.5;  ///< how far the model may be off, as a share
constexpr double kHopeless = 3.0;
constexpr double kWorthwhile = 0.98;  ///< a winner takes at most so much of the original's time

cost::NestMachine machine_of(const Backend& backend) {
  cost::NestMachine machine;
  machine.vector_bytes = backend.vector_bytes();
  machine.vector_registers = machine.vector_bytes == 64 ? 32 : 16;
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  const auto set = [&](std::size_t level, int name) {
    if (const long bytes = ::sysconf(name); bytes > 0)
      machine.cache_bytes[level] = static_cast<double>(bytes);
  };
  set(0, _SC_LEVEL1_DCACHE_SIZE);
  set(1, _SC_LEVEL2_CACHE_SIZE);
  set(2, _SC_LEVEL3_CACHE_SIZE);
#endif
  return machine;
}

/// One choice for one nest with what the model thinks of it.
struct Ranked {
  cost::NestChoice choice;
  double cycles = 0.0;
  double score = 0.0;  ///< cycles, raised for the later ones of a kind, so that different kinds come first
  int kind = 0;        ///< choices of the same order, copies and tiling or not have the same
};

/// The function after one preparation, and what may be done to its nests.
struct Variant {
  Preparation preparation;
  std::string text;
  std::vector<std::vector<Ranked>> nests;  ///< best first; by nest
  double best = 0.0;
};

/// A point of the search: a variant and the place of each nest's choice in its list.
struct Point {
  std::size_t variant = 0;
  std::vector<std::size_t> places;
  auto operator<=>(const Point&) const = default;
};

std::vector<Ranked> ranked_choices(const cost::Nest& nest, const cost::NestMachine& machine) {
  std::vector<Ranked> ranked;
  for (auto& choice : cost::nest_choices(nest, machine, 20000)) {
    const double cycles = cost::nest_cycles(nest, choice, machine);
    ranked.push_back({std::move(choice), cycles, cycles});
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.cycles < b.cycles; });
  std::map<std::pair<std::vector<int>, std::vector<int>>, std::pair<int, int>>
      kinds;  // number, members so far
  for (auto& one : ranked) {
    const bool tiled =
        std::any_of(one.choice.tile.begin(), one.choice.tile.end(), [](auto size) { return size != 0; });
    auto key = std::pair{one.choice.order, one.choice.transposed};
    if (tiled) key.first.push_back(-1);
    auto& [number, members] = kinds.try_emplace(key, static_cast<int>(kinds.size()), 0).first->second;
    one.kind = number;
    one.score = one.cycles * (1.0 + 0.08 * members++);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.score < b.score; });
  return ranked;
}

class Search {
 public:
  Search(const Frontend& frontend, const Backend& backend, const std::string& file,
         const TuneOptions& options)
      : frontend_(frontend),
        backend_(backend),
        file_(file),
        options_(options),
        machine_(machine_of(backend)) {}

  TuneResult run(const std::string& given) {
    result_.text = given;
    original_ = frontend_.to_affine(given, file_);
    compile_original(given);
    make_variants();
    Rng rng(options_.seed, "tune");
    if (options_.guided) {
      search_guided(rng);
    } else {
      search_at_random(rng);
    }
    finish();
    return std::move(result_);
  }

 private:
  bool stopped() {
    if (options_.interrupted && options_.interrupted()) result_.interrupted = true;
    return result_.interrupted;
  }
  bool spent() { return static_cast<int>(result_.trials.size()) >= options_.compilations || stopped(); }

  void compile_original(const std::string& given) {
    program_ = backend_.compile(frontend_.lower(given, file_));
    expected_ = std::make_unique<Memory>(program_->arguments(), options_.seed);
    need_runnable(*program_, *expected_, file_);
    program_->call(expected_->pointers());
    work_ = std::make_unique<Memory>(program_->arguments(), options_.seed);
    TuneTrial trial;
    trial.seconds = time(*program_);
    best_seconds_ = trial.seconds;
    result_.trials.push_back(trial);
  }

  double time(const Program& program) {
    work_->fill(options_.seed);
    RunOptions run;
    run.rounds = 1;
    run.repeats = 3;
    run.max_seconds = 0.4;
    run.quiet = options_.quiet;
    return time_program(program, *work_, run, options_.interrupted).seconds;
  }

  void make_variants() {
    std::set<std::string> seen;
    std::vector<Preparation> preparations;
    for (const bool parted : {true, false})
      for (const char* fuse : {"", "greedy"}) {
        Preparation preparation;
        preparation.to_memory = preparation.distribute = parted;
        preparation.fuse = fuse;
        preparations.push_back(preparation);
      }
    if (options_.tolerance > 0.0)
      for (std::size_t i = 0, count = preparations.size(); i < count; ++i) {
        Preparation loose = preparations[i];
        loose.contract = loose.reassociate = true;
        preparations.push_back(loose);
      }
    for (const Preparation& preparation : preparations) {
      if (stopped()) return;
      Variant variant;
      variant.preparation = preparation;
      try {
        variant.text = prepare_loops(frontend_, original_, preparation, file_);
        if (!seen.insert(variant.text).second) continue;
        for (const auto& nest : nests_of(frontend_, variant.text, file_)) {
          variant.nests.push_back(ranked_choices(nest, machine_));
          variant.best += variant.nests.back().front().cycles;
        }
      } catch (const Error&) {
        continue;  // a pass that this function does not suit
      }
      // Fused arithmetic is worth something that the model of loops does not see.
      if (preparation.contract) variant.best *= 0.7;
      variants_.push_back(std::move(variant));
    }
    std::stable_sort(variants_.begin(), variants_.end(),
                     [](const auto& a, const auto& b) { return a.best < b.best; });
  }

  /// What the model says of one nest, corrected by what its kind was measured to be.
  double score_of(std::size_t variant, std::size_t nest, std::size_t place) const {
    const Ranked& one = variants_[variant].nests[nest][place];
    const auto known = corrections_.find({variant, nest, one.kind});
    return one.score * (known == corrections_.end() ? 1.0 : known->second);
  }

  double predicted(const Point& point) const {
    double cycles = 0.0;
    for (std::size_t nest = 0; nest < point.places.size(); ++nest)
      cycles += score_of(point.variant, nest, point.places[nest]);
    return cycles * (variants_[point.variant].preparation.contract ? 0.7 : 1.0);
  }

  std::vector<cost::NestChoice> choices_of(const Point& point) const {
    std::vector<cost::NestChoice> choices;
    for (std::size_t nest = 0; nest < point.places.size(); ++nest)
      choices.push_back(variants_[point.variant].nests[nest][point.places[nest]].choice);
    return choices;
  }

  std::string recipe_of(const Point& point) const {
    std::string recipe = variants_[point.variant].preparation.text();
    const auto choices = choices_of(point);
    for (std::size_t nest = 0; nest < choices.size(); ++nest)
      if (const std::string text = choices[nest].text(); !text.empty())
        recipe += fmt::format("{}nest {}: {}", recipe.empty() ? "" : "; ", nest, text);
    return recipe;
  }

  /// Compiles and runs a point. Returns its seconds, infinite where it does not count.
  double evaluate(const Point& point) {
    TuneTrial trial;
    trial.recipe = recipe_of(point);
    trial.predicted = predicted(point);
    trial.seconds = std::numeric_limits<double>::quiet_NaN();
    if (options_.progress)
      options_.progress(fmt::format("{} of {} compilations, best {:.2f}x", result_.trials.size(),
                                    options_.compilations, result_.trials.front().seconds / best_seconds_));
    std::string text;
    try {
      text = transform_nests(frontend_, variants_[point.variant].text, choices_of(point), file_);
    } catch (const Error&) {
      return kNever;  // not compiled, so it does not count
    }
    if (!texts_.insert(text).second) return kNever;  // known, and not compiled again
    try {
      const auto program = backend_.compile(frontend_.lower(text, file_));
      work_->fill(options_.seed);
      // What never comes back, or crashes, may not take the search along.
      trial.failed = trial_call(*program, *work_, std::max(2.0, 20.0 * result_.trials.front().seconds));
      if (!trial.failed.empty()) {
        result_.trials.push_back(trial);
        return kNever;
      }
      const double start = monotonic_s();
      program->call(work_->pointers());
      const double first = monotonic_s() - start;
      trial.difference = work_->difference(*expected_);
      if (trial.difference > options_.tolerance) {
        trial.failed = "different";
      } else {
        // What is several times slower need not be timed well.
        trial.seconds = first > kHopeless * best_seconds_ + 1e-4 ? first : time(*program);
      }
    } catch (const Error& error) {
      trial.failed = error.what();
    }
    result_.trials.push_back(trial);
    const double seconds = trial.failed.empty() ? trial.seconds : kNever;
    if (seconds < best_seconds_) {
      best_seconds_ = seconds;
      best_text_ = text;
      best_recipe_ = trial.recipe;
    }
    return seconds;
  }

  /// A point that differs from its variant's best in one nest.
  struct Neighbour {
    double score = 0.0;  ///< seconds that it promises at best
    double worth = 1.0;  ///< seconds a predicted cycle
    std::size_t nest = 0;
    Point point;
  };

  Point random_point(Rng& rng) const {
    Point point;
    point.variant = rng.below(variants_.size());
    for (const auto& nest : variants_[point.variant].nests) point.places.push_back(rng.below(nest.size()));
    return point;
  }

  /// From the model's favourite of each variant, then always the neighbour that promises most: its predicted
  /// cycles scaled by what the variant's best so far was measured to be worth. Where some in a row were no
  /// better the model may not know this machine, and every other one is drawn at random.
  void search_guided(Rng& rng) {
    std::set<Point> tried;
    struct Anchor {
      Point point;
      double seconds = kNever;
    };
    std::vector<Anchor> anchors;
    double scale = kNever;  // seconds a predicted cycle, the best seen
    const auto attempt = [&](const Point& point, Anchor& anchor) {
      tried.insert(point);
      const double seconds = evaluate(point);
      if (seconds < anchor.seconds) anchor = {point, seconds};
      scale = std::min(scale, seconds / predicted(point));
      return seconds;
    };
    for (std::size_t variant = 0; variant < variants_.size() && !spent(); ++variant) {
      anchors.push_back(
          {Point{variant, std::vector<std::size_t>(variants_[variant].nests.size(), 0)}, kNever});
      // One that promises much less than the best so far has to wait.
      if (variant > 1 && variants_[variant].best > 4.0 * variants_.front().best) continue;
      attempt(anchors.back().point, anchors.back());
    }
    int idle = 0;  // since something was better
    double best = best_seconds_;
    for (int turn = 0; !spent() && turn < 50 * options_.compilations; ++turn) {
      idle = best_seconds_ < best ? 0 : idle + 1;
      best = best_seconds_;
      if (idle > kPatience && idle % 2 == 0) {
        const Point point = random_point(rng);
        if (point.variant < anchors.size() && !tried.contains(point)) {
          attempt(point, anchors[point.variant]);
          continue;
        }
      }
      std::vector<Neighbour> neighbours;
      for (std::size_t which = 0; which < anchors.size(); ++which) {
        const Anchor& anchor = anchors[which];
        const double worth = std::isfinite(anchor.seconds) ? anchor.seconds / predicted(anchor.point)
                             : std::isfinite(scale)        ? scale
                                                           : 1.0;
        for (std::size_t nest = 0; nest < anchor.point.places.size(); ++nest)
          for (std::size_t place = 0; place < std::min<std::size_t>(variants_[which].nests[nest].size(), 80);
               ++place) {
            Point other = anchor.point;
            other.places[nest] = place;
            if (tried.contains(other)) continue;
            // The model may be wrong by so much of what this nest takes: a nest that takes little is not
            // worth a compilation.
            const double hope = kDoubt * score_of(which, nest, place);
            neighbours.push_back({worth * (predicted(other) - hope), worth, nest, other});
          }
      }
      if (neighbours.empty()) return;
      std::stable_sort(neighbours.begin(), neighbours.end(),
                       [](const auto& a, const auto& b) { return a.score < b.score; });
      const Neighbour& chosen = prefer(neighbours);
      const double seconds = attempt(chosen.point, anchors[chosen.point.variant]);
      if (std::isfinite(seconds)) learn(chosen, seconds);
    }
  }

  /// Corrects the model for the kind of choice that a neighbour made, by the time that its nest must have
  /// taken.
  void learn(const Neighbour& chosen, double seconds) {
    const std::size_t place = chosen.point.places[chosen.nest];
    const double expected = chosen.worth * score_of(chosen.point.variant, chosen.nest, place);
    const double others = chosen.worth * predicted(chosen.point) - expected;
    const double ratio = std::clamp((seconds - others) / expected, 0.4, 3.0);
    const int kind = variants_[chosen.point.variant].nests[chosen.nest][place].kind;
    corrections_.try_emplace({chosen.point.variant, chosen.nest, kind}, 1.0).first->second *=
        std::sqrt(ratio);
  }

  /// The first neighbour, or where a learned model is there the one that it likes most of the first kAsked.
  const Neighbour& prefer(const std::vector<Neighbour>& neighbours) const {
    if (!options_.predict) return neighbours.front();
    std::size_t chosen = 0;
    double least = kNever;
    for (std::size_t i = 0; i < std::min(neighbours.size(), kAsked); ++i) {
      double seconds = kNever;
      try {
        const Point& point = neighbours[i].point;
        seconds = options_.predict(
            transform_nests(frontend_, variants_[point.variant].text, choices_of(point), file_));
      } catch (const Error&) {
      }
      // Both models have a say: one knows the compiler, the other what was measured here so far.
      seconds *= std::max(neighbours[i].score, 1e-12);
      if (seconds < least) {
        least = seconds;
        chosen = i;
      }
    }
    return neighbours[chosen];
  }

  void search_at_random(Rng& rng) {
    for (int draws = 0; !spent() && !variants_.empty() && draws < 20 * options_.compilations; ++draws) {
      evaluate(random_point(rng));
    }
  }

  /// The winner against the original once more, in turn, and on other inputs.
  void finish() {
    result_.original_s = result_.tuned_s = result_.trials.front().seconds;
    if (best_recipe_.empty()) return;
    const auto winner = backend_.compile(frontend_.lower(best_text_, file_));
    Memory other(program_->arguments(), options_.seed + 1);
    work_->fill(options_.seed + 1);
    winner->call(work_->pointers());
    program_->call(other.pointers());
    if (work_->difference(other) > options_.tolerance) return;
    work_->fill(options_.seed);
    other.fill(options_.seed);
    RunOptions run;
    run.rounds = 3;
    run.repeats = 5;
    run.max_seconds = 3.0;
    run.quiet = options_.quiet;
    const auto timings = time_programs({program_.get(), winner.get()}, {&other, work_.get()}, run);
    result_.original_s = timings[0].seconds;
    if (!(timings[1].seconds < kWorthwhile * timings[0].seconds)) {
      result_.tuned_s = timings[0].seconds;
      return;
    }
    result_.tuned_s = timings[1].seconds;
    result_.speedup = timings[0].seconds / timings[1].seconds;
    result_.spread = std::max(timings[0].spread, timings[1].spread);
    result_.text = best_text_;
    result_.recipe = best_recipe_;
  }

  const Frontend& frontend_;
  const Backend& backend_;
  const std::string file_;
  const TuneOptions& options_;
  const cost::NestMachine machine_;
  TuneResult result_;
  std::string original_;
  std::unique_ptr<Program> program_;
  std::unique_ptr<Memory> expected_, work_;
  std::vector<Variant> variants_;
  std::map<std::tuple<std::size_t, std::size_t, int>, double> corrections_;
  std::set<std::string> texts_;
  std::string best_text_, best_recipe_;
  double best_seconds_ = kNever;
};

}  // namespace

TuneResult tune(const Frontend& frontend, const Backend& backend, const std::string& text,
                const std::string& file, const TuneOptions& options) {
  return Search(frontend, backend, file, options).run(text);
}

}  // namespace hone::label
