#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/run/probing.h"
#include "hone/task/cell_classes.h"

namespace hone::run {

/// The designs of a space that are looked at, each once.
struct Designs {
  std::vector<space::Config> configs;
  bool all = false;                   ///< every feasible one
  std::optional<std::int64_t> total;  ///< how many there are; nullopt: infinite, or too many to count
};
/// All, in the order of their values, where there are at most `limit` (and no more than 50 assignments a
/// design to look through); else `samples` different ones, drawn uniformly: fewer where few are found.
Designs designs_of(const space::Space& space, std::int64_t limit, std::int64_t samples, std::uint64_t seed);

/// Classes of equal designs.
struct Classes {
  std::int64_t classes = 0;
  std::int64_t alone = 0;  ///< classes of one member
  struct Member {
    std::int64_t size = 0;
    space::Config example;  ///< the first
  };
  std::vector<Member> largest;  ///< the five largest, the first-seen first among equals
};

/// How many designs differ, by each of the three keys.
struct ClassCount {
  std::string study, task;
  Designs designs;                    ///< those that were counted
  std::int64_t literal = 0;           ///< configs
  std::optional<Classes> structural;  ///< nullopt: the task has no graph
  std::optional<Classes> functional;  ///< nullopt: the task has no probe. Designs that share any key are one
  std::int64_t by_key_alone = 0;      ///< functional classes without near keys
  std::int64_t unhashable = 0;        ///< designs without a functional key: each a class of its own
  std::map<std::string, std::int64_t> failures;  ///< why, and how many
  double ambiguous = 0.0;                        ///< floats on a cell's edge, mean over the designs
  std::vector<task::CellClasses> cells;          ///< of a space of cells, all of whose designs were looked at
  std::string cell_kind;
  bool interrupted = false;

  Json json() const;
  std::string text() const;
};
ClassCount count_classes(const StudyFile& file, const Designs& designs, const std::vector<Probed>& probed);
/// The counts of class_counts() over the cells of these designs, which it may take seconds to make; empty
/// where the space has none.
std::vector<task::CellClasses> cell_class_counts(const StudyFile& file, const Designs& designs,
                                                 std::string& kind);
/// What a convention of CellClasses takes for equal, in a sentence.
std::string cell_convention(const std::string& name);

/// How many of a searcher's proposals repeat a known function.
struct ProposalCurve {
  std::string searcher;
  struct At {
    std::int64_t proposals = 0;
    std::int64_t functions = 0;                ///< different ones among them
    std::optional<std::int64_t> structures{};  ///< likewise
  };
  std::vector<At> points;  ///< about 60, evenly spaced, the last at the end
  double repeats() const;  ///< share of all proposals that repeat a function; 0 where there are none

  Json json() const;
};

/// The first `n` proposals of a searcher with the study's space, seed and objectives, through the engine,
/// which passes no config on twice. What it learns from are the task's results where they come at once
/// (recorded, function). Throws Error where the searcher is unknown, or learns and there are none.
std::vector<space::Config> proposals_of(const StudyFile& file, const std::string& searcher, std::int64_t n);
/// `probed`: the proposals, in order. nullopt where nothing but the config is known.
ProposalCurve proposal_curve(const std::string& searcher, const std::vector<Probed>& probed);

/// A table of the curves at some of their points; "" where there are none.
std::string proposals_text(const std::vector<ProposalCurve>& curves);

/// A page with the counts and the curves.
std::string class_page(const ClassCount& count, const std::vector<ProposalCurve>& curves);

}  // namespace hone::run
