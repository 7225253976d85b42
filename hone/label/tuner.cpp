#include "hone/label/tuner.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/cost/mlir/text.h"
#include "hone/cost/nest_beliefs.h"
#include "hone/label/nest_machine.h"
#include "hone/label/tune_bench.h"

namespace hone::label {

namespace {

constexpr double kNever = kInfinity;
constexpr std::size_t kAsked = 24;   ///< candidates that a learned model is asked about
constexpr std::size_t kNear = 80;    ///< choices of one nest that are weighed, of the model's favourites
constexpr std::size_t kVaried = 24;  ///< nests of a function of which choices are weighed
constexpr std::size_t kDrawn = 200;  ///< points at random that are weighed
/// Fused arithmetic is worth something that the model of loops does not see.
constexpr double kContracted = 0.7;

/// One choice for one nest with what the model thinks of it.
struct Ranked {
  cost::NestChoice choice;
  double cycles = 0.0;
  double score = 0.0;  ///< cycles, raised for the later ones of a kind, so that different kinds come first
};

/// The function after one preparation, and what may be done to its nests.
struct Variant {
  Preparation preparation;
  std::string text;
  std::vector<std::vector<Ranked>> nests;  ///< best first; by nest
  std::vector<int> numbers;                ///< by nest: the same for those that are alike
  double best = 0.0;
  bool wrong = false;  ///< fusion made something different of it
};

/// A point of the search: a variant and the place of each nest's choice in its list.
struct Point {
  std::size_t variant = 0;
  std::vector<std::size_t> places;
  auto operator<=>(const Point&) const = default;
};

/// A point that may come next.
struct Candidate {
  double gain = 0.0;  ///< expected, of the logarithm of the seconds
  double log_seconds = 0.0;
  Point point;
};

std::vector<Ranked> ranked_choices(const cost::PerfectNest& nest, const cost::NestMachine& machine) {
  std::vector<Ranked> ranked;
  for (auto& choice : cost::nest_choices(nest, machine, 20000)) {
    // Of a loop that never runs there is nothing to say.
    const double cycles = std::clamp(std::max(1.0, cost::nest_cycles(nest, choice, machine)), 1.0, 1e300);
    ranked.push_back({std::move(choice), cycles, cycles});
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.cycles < b.cycles; });
  std::map<std::pair<std::vector<int>, std::vector<int>>, int> members;  // so far, of a kind
  for (auto& one : ranked) {
    const bool tiled =
        std::any_of(one.choice.tile.begin(), one.choice.tile.end(), [](auto size) { return size != 0; });
    auto key = std::pair{one.choice.order, one.choice.transposed};
    if (tiled) key.first.push_back(-1);
    one.score = one.cycles * (1.0 + 0.08 * members[key]++);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.score < b.score; });
  return ranked;
}

/// Why no loop of a function can be transformed, where nothing is known of any of its nests.
std::string why_unknown(const std::string& text) {
  bool affine = false, other = false, carries = false, reduces = false;
  for (const auto& operation : cost::mlir::parse(text).operations) {
    affine = affine || operation.name == "affine.for" || operation.name == "affine.parallel";
    reduces = reduces || (operation.name == "affine.parallel" && !operation.results.empty());
    carries = carries || (operation.name == "affine.for" && !operation.results.empty());
    other = other || operation.dialect() == "scf" || operation.dialect() == "cf";
  }
  return carries   ? "loops carry values (iter_args) that find no place in memory"
         : reduces ? "affine.parallel with results becomes no nest"
         : affine  ? "none is of affine accesses and arithmetic alone"
         : other   ? "the loops are not affine (affine.for)"
                   : "there is none";
}

/// Why nests that are known have no other choice than to stay as they are.
std::string why_fixed(const std::vector<cost::PerfectNest>& nests) {
  bool nested = false, vary = false;
  for (const auto& nest : nests) {
    nested = nested || (nest.known && nest.loops.size() > 1);
    for (const auto& loop : nest.loops) vary = vary || (nest.known && !loop.bounds_depend.empty());
  }
  const std::string kept = "dependences, as far as they are known, keep the order of the nests";
  if (!nested) return "no loop is alone in another";
  return vary ? kept + ", or bounds that hang on outer loops, which are not swapped" : kept;
}

class Search {
 public:
  Search(const Frontend& frontend, const Backend& backend, const std::string& file,
         const TuneOptions& options)
      : frontend_(frontend),
        backend_(backend),
        file_(file),
        options_(options),
        machine_(!options.guided   ? cost::NestMachine{}
                 : options.machine ? *options.machine
                                   : measured_machine(frontend, backend, options.quiet)) {}

  TuneResult run(const std::string& given) {
    result_.text = given;
    original_ = frontend_.to_affine(given, file_);
    if (!bench_.take_original(given)) return std::move(result_);
    make_variants();
    Rng rng(options_.seed, "tune");
    if (options_.guided) {
      search_guided(rng);
    } else {
      search_at_random(rng);
    }
    bench_.decide();
    return std::move(result_);
  }

 private:
  bool stopped() {
    if (options_.interrupted && options_.interrupted()) result_.interrupted = true;
    return result_.interrupted;
  }
  bool spent() { return static_cast<int>(result_.trials.size()) >= options_.compilations || stopped(); }

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
          const auto known = std::find(known_.begin(), known_.end(), nest);
          variant.numbers.push_back(static_cast<int>(known - known_.begin()));
          if (known == known_.end()) known_.push_back(nest);
          variant.best += variant.nests.back().front().cycles;
        }
      } catch (const Error&) {
        continue;  // a pass that this function does not suit
      }
      if (preparation.contract) variant.best *= kContracted;
      variants_.push_back(std::move(variant));
    }
    std::stable_sort(variants_.begin(), variants_.end(),
                     [](const auto& a, const auto& b) { return a.best < b.best; });
    const auto chooses = [](const Variant& variant) {
      return std::any_of(variant.nests.begin(), variant.nests.end(),
                         [](const auto& choices) { return choices.size() > 1; });
    };
    if (std::any_of(variants_.begin(), variants_.end(), chooses)) return;
    const bool known = std::any_of(known_.begin(), known_.end(), [](const auto& nest) { return nest.known; });
    result_.note =
        known || variants_.size() > 1 ? "no nest can be reordered: " : "no loop can be transformed: ";
    result_.note += known ? why_fixed(known_) : why_unknown(original_);
  }

  /// The point as beliefs compare it.
  cost::NestProgram program_of(const Point& point) const {
    const Variant& variant = variants_[point.variant];
    cost::NestProgram program;
    program.variant = static_cast<int>(point.variant);
    program.dialect = (variant.preparation.contract ? 1 : 0) + (variant.preparation.reassociate ? 2 : 0);
    for (std::size_t nest = 0; nest < point.places.size(); ++nest) {
      const Ranked& one = variant.nests[nest][point.places[nest]];
      program.parts.push_back({variant.numbers[nest], one.choice,
                               one.cycles * (variant.preparation.contract ? kContracted : 1.0)});
    }
    return program;
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
    return recipe.empty() ? "canonicalize" : recipe;  // none is the original as it was given
  }

  /// Compiles and runs a point. Returns its seconds, infinite where it does not count.
  double evaluate(const Point& point) {
    if (variants_[point.variant].wrong) return kNever;  // so would all others be
    TuneTrial trial;
    trial.recipe = recipe_of(point);
    trial.predicted = program_of(point).cycles();
    if (options_.progress)
      options_.progress(fmt::format("{} of {} compilations, best {:.2f}x", result_.trials.size(),
                                    options_.compilations,
                                    result_.trials.front().seconds / bench_.best_seconds()));
    std::string text;
    try {
      text = transform_nests(frontend_, variants_[point.variant].text, choices_of(point), file_);
    } catch (const Error&) {
      return kNever;  // not compiled, so it does not count
    }
    const TuneBench::Timed timed = bench_.take(text, std::move(trial));
    if (timed.different && !variants_[point.variant].preparation.fuse.empty())
      variants_[point.variant].wrong = true;
    return timed.seconds;
  }

  /// The nests of a point that take most, up to kVaried of them, in their order.
  std::vector<std::size_t> longest_nests(const Point& point) const {
    std::vector<std::size_t> nests(point.places.size());
    std::iota(nests.begin(), nests.end(), std::size_t{0});
    const auto cycles = [&](std::size_t nest) {
      return variants_[point.variant].nests[nest][point.places[nest]].cycles;
    };
    std::stable_sort(nests.begin(), nests.end(),
                     [&](std::size_t a, std::size_t b) { return cycles(a) > cycles(b); });
    nests.resize(std::min(nests.size(), kVaried));
    std::sort(nests.begin(), nests.end());
    return nests;
  }

  Point random_point(Rng& rng) const {
    Point point;
    point.variant = rng.below(variants_.size());
    for (const auto& nest : variants_[point.variant].nests) point.places.push_back(rng.below(nest.size()));
    return point;
  }

  /// From the model's favourite of each variant, then always the point that promises most by what was
  /// measured so far: the analytic model ranks, beliefs say where it is wrong on this machine.
  void search_guided(Rng& rng) {
    cost::NestBeliefs beliefs;
    std::set<Point> tried;
    std::vector<std::pair<double, Point>> best(variants_.size(), {kNever, Point{}});  // by variant
    const auto attempt = [&](const Point& point) {
      tried.insert(point);
      const double seconds = evaluate(point);
      if (seconds < best[point.variant].first) best[point.variant] = {seconds, point};
      // What cannot be had is as if it were slow, or all compilations could go to what always fails.
      beliefs.tell(program_of(point),
                   std::isfinite(seconds) ? seconds : TuneBench::kHopeless * bench_.best_seconds());
    };
    for (std::size_t variant = 0; variant < variants_.size() && !spent(); ++variant) {
      const Point point{variant, std::vector<std::size_t>(variants_[variant].nests.size(), 0)};
      best[variant].second = point;
      // One that promises much less than the best so far has to wait.
      if (variant > 1 && variants_[variant].best > 4.0 * variants_.front().best) continue;
      attempt(point);
    }
    for (int turn = 0; !spent() && turn < 50 * options_.compilations; ++turn) {
      std::vector<Candidate> candidates;
      std::set<Point> listed;
      const auto list = [&](Point point) {
        if (variants_[point.variant].wrong || tried.contains(point) || !listed.insert(point).second) return;
        const auto belief = beliefs.of(program_of(point));
        candidates.push_back(
            {cost::expected_gain(belief, bench_.best_seconds()), belief.log_seconds, std::move(point)});
      };
      // All that differ from the best of a variant in one nest, and some at random.
      for (const auto& [seconds, point] : best) {
        if (stopped()) return;
        for (const std::size_t nest : longest_nests(point))
          for (std::size_t place = 0; place < std::min(variants_[point.variant].nests[nest].size(), kNear);
               ++place) {
            Point other = point;
            other.places[nest] = place;
            list(std::move(other));
          }
      }
      for (std::size_t draw = 0; draw < kDrawn && !variants_.empty(); ++draw) list(random_point(rng));
      if (candidates.empty()) return;
      std::stable_sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
        return std::tie(b.gain, a.log_seconds) < std::tie(a.gain, b.log_seconds);
      });
      attempt(prefer(candidates).point);
    }
  }

  /// The first candidate, or where a learned model is there the one that it likes most of the first kAsked.
  const Candidate& prefer(const std::vector<Candidate>& candidates) const {
    if (!options_.predict) return candidates.front();
    std::size_t chosen = 0;
    double least = kNever;
    for (std::size_t i = 0; i < std::min(candidates.size(), kAsked); ++i) {
      double seconds = kNever;
      try {
        const Point& point = candidates[i].point;
        seconds = options_.predict(
            transform_nests(frontend_, variants_[point.variant].text, choices_of(point), file_));
      } catch (const Error&) {
      }
      // Both models have a say: one knows the compiler, the other what was measured here so far.
      seconds *= std::exp(candidates[i].log_seconds);
      if (seconds < least) {
        least = seconds;
        chosen = i;
      }
    }
    return candidates[chosen];
  }

  void search_at_random(Rng& rng) {
    for (int draws = 0; !spent() && !variants_.empty() && draws < 20 * options_.compilations; ++draws)
      evaluate(random_point(rng));
  }

  const Frontend& frontend_;
  const Backend& backend_;
  const std::string file_;
  const TuneOptions& options_;
  const cost::NestMachine machine_;
  TuneResult result_;
  TuneBench bench_{frontend_, backend_, file_, options_, result_};
  std::string original_;
  std::vector<Variant> variants_;
  std::vector<cost::PerfectNest> known_;  ///< nests of all variants, alike ones once
};

}  // namespace

TuneResult tune(const Frontend& frontend, const Backend& backend, const std::string& text,
                const std::string& file, const TuneOptions& options) {
  if (!(std::isfinite(options.tolerance) && options.tolerance >= 0.0))
    throw Error("the tolerance is no number of 0 or more", {},
                "0 asks for results that are the same bit for bit");
  return Search(frontend, backend, file, options).run(text);
}

}  // namespace hone::label
