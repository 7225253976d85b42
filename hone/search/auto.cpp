#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hone/base/numbers.h"
#include "hone/search/credit.h"
#include "hone/search/moves.h"
#include "hone/search/searcher.h"

namespace hone::search {
namespace {

/// The default: a portfolio. Which searcher is asked for a trial depends on the trial's number and, with one
/// objective, on how good what each proposed lately turned out to be (Credit): its share of the turns is
/// multiplied by the square of that. All are told everything, so each learns from what the others proposed. A
/// model that is wrong about the landscape proposes the same wrong things again and again; a second one,
/// built on other assumptions, gets it out of there, and costs the better one less than its share (No one
/// searcher wins on all problems: Eggensperger et al., "HPOBench: A Collection of Reproducible Multi-Fidelity
/// Benchmark Problems for HPO", 2021).
///
/// - One objective: a Gaussian process, the same within a trust region, and a Parzen estimator. Where numbers
///   are fine the process is alone for 25 trials; then they take turns, and where it expects next to
///   nothing of its own proposal, most of its turns are the others' too: it has come to the end of what it
///   believes, and a region that begins anew elsewhere may find what it does not. Where all parameters are
///   coarse, as in recorded tables, and with limits it is alone for thirty, which is the best with few
///   results, unless what it proposes is but ordinary among what is known, and keeps most of the turns. Where
///   trials may end below the largest fidelity they are many and cheap: the process and the Parzen estimator
///   take every other turn from the start.
/// - Several objectives: expected hypervolume improvement, the Parzen estimator, and NSGA-II.
/// - The process's asks cost milliseconds where the Parzen estimator's cost a fraction of one, and it gains
///   less the more is known: of n trials, share_until / n of the turns where n is larger.
class Auto : public Searcher {
 public:
  struct Part {
    std::string name;
    double share = 1.0;
    bool dear = false;  ///< its turns become rare as the study grows
    std::unique_ptr<Searcher> searcher = nullptr;
  };

  /// The trials that the first part proposes before the turns begin; `surely`: whatever comes of them.
  struct Alone {
    std::int64_t until = 0;
    bool surely = false;
  };

  struct Settings {
    Alone alone = {};
    std::int64_t unjudged = 0;  ///< the first trials, whose proposals come from a start rather than a model
    double share_until = 300.0;
    /// A part that expects next to nothing mostly leaves its turn to another, and turbo the ends of its
    /// regions to the others.
    bool passes = false;
  };

  Auto(const Problem& problem, std::vector<Part> parts, const Settings& settings)
      : problem_(problem), settings_(settings), parts_(std::move(parts)), credit_(parts_.size()) {
    for (Part& part : parts_) {
      Json options = Json::object();
      if (part.name == "turbo" && settings_.passes) options["leave_ends"] = true;
      part.searcher = make_searcher(part.name, problem, options);
    }
  }

  void update(const study::Change& change) override {
    judge(change);
    for (Part& part : parts_) part.searcher->update(change);
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    const std::size_t turn = turn_of(number);
    for (std::size_t tries = 0; tries < parts_.size(); ++tries) {
      // One that finds nothing new leaves its turn to the next.
      const std::size_t i = (turn + static_cast<std::size_t>(attempt / 8) + tries) % parts_.size();
      auto config = asked(i, number, attempt);
      if (!config) continue;
      if (settings_.passes && parts_.size() > 1 && tries == 0 && attempt < 8 && !is_left_alone(number) &&
          parts_[i].searcher->log_expected() < kNothing &&
          Rng(problem_.seed, "auto pass", static_cast<std::uint64_t>(number)).uniform() < kPassed)
        if (auto other = asked(drawn(number, i), number, attempt)) return other;
      return config;
    }
    return std::nullopt;
  }

 private:
  std::optional<space::Config> asked(std::size_t part, std::int64_t number, int attempt) {
    parts_[part].searcher->aim_at(aim());
    return parts_[part].searcher->ask(number, attempt);
  }

  /// Whose turn a trial was, and what came of it. Where a part had nothing new or expected nothing another
  /// one proposed, on its account: what it expected was not much, so its turns become fewer.
  void judge(const study::Change& change) {
    using Kind = study::Change::Kind;
    const study::Trial& trial = *change.trial;
    if (change.kind == Kind::created) {
      // What users enqueue or start with is nobody's.
      const bool own = trial.origin.empty() || trial.origin == "auto";
      if (own && trial.id >= settings_.unjudged && problem_.objectives.size() == 1)
        credit_.claim(trial.id, turn_of(trial.id));
      ++trials_;
      return;
    }
    if (problem_.objectives.size() == 1) credit_.update(problem_, change);
  }

  double share(const Part& part) const {
    const double rarer = std::min(1.0, settings_.share_until / std::max(1.0, static_cast<double>(trials_)));
    // Never 0: the two middling proposals that everyone starts with.
    const double credit = 1.0 - credit_.poor(static_cast<std::size_t>(&part - parts_.data()));
    return part.share * (part.dear ? rarer : 1.0) * credit * credit;
  }

  /// Whether this turn is the first part's whatever comes of it.
  bool is_left_alone(std::int64_t number) const {
    return settings_.alone.surely && number < settings_.alone.until;
  }

  /// By the golden ratio's multiples, which spread the turns evenly at any shares.
  std::size_t turn_of(std::int64_t number) const {
    const Alone& alone = settings_.alone;
    if (number < alone.until && (is_left_alone(number) || credit_.size(0) < 3 || credit_.poor(0) < kOrdinary))
      return 0;
    constexpr double kGolden = 0.61803398874989485;
    const double whole = static_cast<double>(number) * kGolden;
    return at_share(whole - std::floor(whole), parts_.size());
  }

  /// Who gets a turn that `passing` leaves.
  std::size_t drawn(std::int64_t number, std::size_t passing) const {
    return at_share(Rng(problem_.seed, "auto turn", static_cast<std::uint64_t>(number)).uniform(), passing);
  }

  /// The part at `place`, 0 to 1, of the shares of all but one.
  std::size_t at_share(double place, std::size_t without) const {
    double total = 0.0;
    for (std::size_t i = 0; i < parts_.size(); ++i) total += i == without ? 0.0 : share(parts_[i]);
    double left = place * total;
    std::size_t last = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (i == without) continue;
      last = i;
      left -= share(parts_[i]);
      if (left < 0.0) break;
    }
    return last;
  }

  static constexpr double kOrdinary = 0.5;  // mean rank from which on the first part is not left alone
  static constexpr double kNothing = -4.0;  // log of what is next to nothing, a fiftieth of a deviation
  static constexpr double kPassed = 0.75;   // of the turns of one that expects that: others stay, to refine

  Problem problem_;
  Settings settings_;
  std::vector<Part> parts_;
  Credit credit_;
  std::int64_t trials_ = 0;
};

/// Of a part: sums of shares stay finite.
constexpr double kLargestShare = 1e9;
/// From so many parameters on the process looks within a trust region alone: its fits take long.
constexpr std::size_t kMany = 1000;

std::size_t free_parameters(const Problem& problem) {
  std::size_t free = 0;
  for (const space::Parameter& parameter : problem.space.parameters())
    if (parameter.same_as.empty() && parameter.cardinality() != 1) ++free;
  return free;
}

/// `plain`: one objective of fine numbers, without limits.
std::vector<Auto::Part> parts_for(const Problem& problem, bool plain) {
  const std::size_t free = free_parameters(problem);
  std::vector<Auto::Part> parts;
  if (problem.objectives.size() > 1) {
    parts.push_back({"ehvi", 0.6, true});
    parts.push_back({"tpe", 0.25});
    parts.push_back({"nsga2", 0.15});
  } else if (problem.partial) {
    parts.push_back({free >= kMany ? "turbo" : "gp", 0.5, true});
    parts.push_back({"tpe", 0.5});
  } else {
    parts.push_back({free >= kMany ? "turbo" : "gp", plain ? 0.4 : 0.6, true});
    if (free < kMany) parts.push_back({"turbo", plain ? 0.35 : 0.15, true});
    parts.push_back({"tpe", 0.25});
  }
  return parts;
}

/// "gp", or "gp 0.5" with its share.
std::vector<Auto::Part> parts_of(const Options& options, const Problem& problem, bool plain) {
  const auto texts = options.texts("parts");
  if (texts.empty()) return parts_for(problem, plain);
  std::vector<Auto::Part> parts;
  for (const std::string& text : texts) {
    const auto space = text.find(' ');
    Auto::Part part{text.substr(0, space)};
    methods().need("searcher", part.name, options.place("parts"));
    if (part.name == "auto") throw Error("auto is no part of itself", options.place("parts"));
    if (space != std::string::npos) {
      char* end = nullptr;
      part.share = std::strtod(text.c_str() + space, &end);
      if (*end != '\0' || !(part.share > 0.0 && part.share <= kLargestShare))
        throw Error("'" + text + "' is no part: write \"gp\" or \"gp 0.5\"", options.place("parts"));
    }
    part.dear = part.name == "gp" || part.name == "turbo" || part.name == "ehvi" || part.name == "mobster" ||
                part.name == "carbs" || part.name == "smac";
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, auto) {
  using namespace hone;
  registry.add(
      "searcher",
      MethodInfo{
          .name = "auto",
          .summary = "Chooses by the space and the objectives, and lets several searchers take turns.",
          .paper = "",
          .options = {{.name = "parts",
                       .type = OptionSpec::Type::texts,
                       .fallback = Json::array(),
                       .summary = "the searchers that take turns, with their shares, which with one "
                                  "objective are worth what their proposals were: [\"gp 0.5\", \"tpe 0.5\"]; "
                                  "empty: chosen by the space and the objectives"},
                      {.name = "alone_until",
                       .type = OptionSpec::Type::integer,
                       .fallback = nullptr,
                       .summary =
                           "trials that the first part proposes, before the turns begin; not "
                           "given: 25; with limits and where every parameter has at most 64 values until "
                           "it proposes but what is ordinary, at most 30; with several objectives 50, "
                           "with one of trials that may end below the largest fidelity 0",
                       .low = 0,
                       .high = 1e9,
                       .optional = true},
                      {.name = "share_until",
                       .type = OptionSpec::Type::real,
                       .fallback = 300.0,
                       .summary = "trials from which on the searchers whose asks are dear get fewer turns",
                       .low = 1.0,
                       .high = 1e9}},
          .traits = "the default",
          .abilities = {.objectives = "several",
                        .constraints = "modelled",
                        .conditions = "yes, correlations kept",
                        .batch = "running trials count",
                        .fidelity = "the highest with enough results",
                        .ask = "milliseconds at first, then as tpe",
                        .trials = "10 to 1,000,000"},
          .guides_itself = true},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        const bool given = options.has("alone_until");
        const bool plain = problem.objectives.size() == 1 && problem.limits.empty() &&
                           !search::Moves(problem.space).is_coarse();
        const std::int64_t until = given                           ? options.integer("alone_until")
                                   : problem.objectives.size() > 1 ? 50
                                   : problem.partial               ? 0
                                   : plain                         ? 25
                                                                   : 30;
        auto parts = search::parts_of(options, problem, plain);
        // gp begins with at most ten trials, turbo with two a parameter.
        const std::size_t free = search::free_parameters(problem);
        const auto start = static_cast<std::int64_t>(
            parts[0].name == "turbo" ? std::clamp<std::size_t>(2 * free, 10, 100) : 10);
        return std::make_unique<search::Auto>(
            problem, std::move(parts),
            search::Auto::Settings{.alone = {until, given || plain},
                                   .unjudged = start,
                                   .share_until = options.real("share_until"),
                                   .passes = plain && !problem.partial});
      }));
}
