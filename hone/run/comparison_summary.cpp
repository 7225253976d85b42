#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "hone/base/numbers.h"
#include "hone/predict/score.h"
#include "hone/run/comparison.h"
#include "hone/run/summary.h"

namespace hone::run {

namespace {

constexpr std::size_t kPlotPoints = 60;

std::vector<double> checkpoints(std::int64_t trials) {
  std::vector<double> at;
  for (std::int64_t n = 25; n < trials; n *= 2) at.push_back(static_cast<double>(n));
  at.push_back(static_cast<double>(trials));
  return at;
}

/// What a run that has found nothing yet counts as in means: 1, a median config, or the worst first find of
/// any run on the problem where that is worse.
double worth_of_nothing(const std::vector<ComparisonRun>& runs, const std::string& problem,
                        double least = 1.0) {
  double worst = least;
  for (const ComparisonRun& run : runs)
    if (run.problem == problem && !run.best.empty()) worst = std::max(worst, run.best.front().second);
  return worst;
}

/// NaN beyond what was run.
double regret_at(const ComparisonRun& run, double n, double nothing) {
  if (n > std::min(static_cast<double>(run.trials), run.broke_at)) return kNaN;
  return std::min(run.regret_at(n), nothing);
}
double mean_at(const std::vector<const ComparisonRun*>& runs, double n, double nothing) {
  double sum = 0.0;
  for (const ComparisonRun* run : runs) sum += regret_at(*run, n, nothing);
  return sum / static_cast<double>(runs.size());
}

ComparisonSummary::Cell cell_of(const std::vector<const ComparisonRun*>& runs,
                                const ComparisonSummary& summary, double trials, double nothing) {
  ComparisonSummary::Cell cell;
  cell.seeds = runs.size();
  cell.nothing = nothing;
  const auto found = [&](double at) {
    return std::count_if(runs.begin(), runs.end(),
                         [&](const ComparisonRun* run) { return std::isfinite(run->regret_at(at)); });
  };
  const auto n = static_cast<double>(runs.size());
  for (const double at : summary.at) {
    const double mean = mean_at(runs, at, nothing);
    double squares = 0.0;
    for (const ComparisonRun* run : runs) squares += std::pow(regret_at(*run, at, nothing) - mean, 2);
    cell.found.push_back(static_cast<std::size_t>(found(at)));
    cell.regret.push_back(cell.found.back() > 0 || std::isnan(mean) ? mean : kInfinity);
    cell.error.push_back(runs.size() > 1 ? std::sqrt(squares / (n - 1.0) / n) : kNaN);
  }
  for (const double target : summary.targets) {
    std::vector<double> times;
    for (const ComparisonRun* run : runs) {
      const auto hit = std::find_if(run->best.begin(), run->best.end(),
                                    [&](const auto& pair) { return pair.second <= target; });
      times.push_back(hit == run->best.end() ? kInfinity : hit->first);
    }
    // Half of an even number may have reached it: the later of the two middle ones decides.
    std::sort(times.begin(), times.end());
    cell.reached.push_back(times[times.size() / 2]);
  }
  std::vector<double> ms;
  for (const ComparisonRun* run : runs) ms.insert(ms.end(), run->ms.begin(), run->ms.end());
  cell.ms = predict::median(std::move(ms));
  for (const ComparisonRun* run : runs) cell.library = run->library;
  double last = 0.0;
  for (std::size_t i = 0; i <= kPlotPoints; ++i) {
    // Evenly on a logarithmic axis, whole evaluations.
    const double x = std::round(std::pow(trials, static_cast<double>(i) / static_cast<double>(kPlotPoints)));
    if (x <= last) continue;
    last = x;
    if (const double regret = mean_at(runs, x, nothing); found(x) > 0 && std::isfinite(regret))
      cell.curve.emplace_back(x, regret);
  }
  return cell;
}

std::string regret_text(double regret) {
  if (std::isnan(regret)) return "-";
  if (std::isinf(regret)) return "none";
  return regret >= 0.0995 || regret == 0.0 ? fmt::format("{:.2f}", regret) : fmt::format("{:.2g}", regret);
}

std::string ms_text(double ms) {
  if (std::isnan(ms)) return "-";
  return ms >= 99.5    ? fmt::format("{:.0f}", ms)
         : ms >= 0.995 ? fmt::format("{:.1f}", ms)
                       : fmt::format("{:.2g}", ms);
}

/// ", says VERSION" of a peer whose library says another version than what is installed says.
std::string library_text(const Contender& contender, const Comparison& comparison,
                         const ComparisonSummary& summary) {
  for (const Problem& problem : comparison.problems) {
    const auto found = summary.cells.find({problem.name(), contender.name});
    if (found == summary.cells.end() || found->second.library.empty()) continue;
    const std::string& library = found->second.library;
    return contender.version.starts_with(library + "+") ? "" : ", says " + library;
  }
  return {};
}

Json numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(finite_or_null(value));
  return list;
}

}  // namespace

ComparisonSummary summarise(const Comparison& comparison, const ComparisonResults& results) {
  ComparisonSummary summary;
  summary.at = checkpoints(comparison.trials);
  summary.targets = {0.1, 0.03, 0.01};
  using Runs = std::vector<const ComparisonRun*>;
  using Groups = std::map<std::pair<std::string, std::string>, Runs>;
  Groups groups;
  for (const ComparisonRun& run : results.runs) groups[{run.problem, run.contender}].push_back(&run);
  for (const auto& [key, runs] : groups)
    summary.cells[key] = cell_of(runs, summary, static_cast<double>(comparison.trials),
                                 worth_of_nothing(results.runs, key.first));
  // Where no run is whole, what was done until it broke: no reason to count others' runs differently.
  Groups broken;
  for (const ComparisonRun& run : results.broken)
    if (!groups.contains({run.problem, run.contender})) broken[{run.problem, run.contender}].push_back(&run);
  for (const auto& [key, runs] : broken) {
    const double nothing = worth_of_nothing(results.runs, key.first);
    summary.cells[key] = cell_of(runs, summary, static_cast<double>(comparison.trials),
                                 worth_of_nothing(results.broken, key.first, nothing));
  }

  for (const Contender& contender : comparison.contenders) {
    const auto has = [&](const Problem& problem) {
      const std::pair key{problem.name(), contender.name};
      return groups.contains(key) && !std::isnan(summary.cells.at(key).regret.back());
    };
    const auto n = std::count_if(comparison.problems.begin(), comparison.problems.end(), has);
    const auto any = [&](const Problem& problem) {
      return summary.cells.contains({problem.name(), contender.name});
    };
    if (std::none_of(comparison.problems.begin(), comparison.problems.end(), any)) continue;
    const bool whole = n == static_cast<std::ptrdiff_t>(comparison.problems.size());
    (whole ? summary.ranked : summary.unranked).push_back(contender.name);
  }
  // By the runs that each has: what one lacks is no reason to count others' differently, either.
  for (const Problem& problem : comparison.problems)
    for (const std::string& name : summary.ranked)
      if (const auto n = static_cast<std::int64_t>(summary.cells.at({problem.name(), name}).seeds);
          n < comparison.seeds)
        summary.lacks.push_back({problem.name(), name,
                                 fmt::format("{} of {} seeds are there; its rank and means are over those", n,
                                             comparison.seeds)});
  for (std::size_t i = 0; i < summary.at.size(); ++i) {
    std::vector<std::vector<double>> values;
    for (const Problem& problem : comparison.problems) {
      auto& row = values.emplace_back();
      for (const std::string& name : summary.ranked) {
        const auto& cell = summary.cells.at({problem.name(), name});
        row.push_back(std::isinf(cell.regret[i]) ? cell.nothing : cell.regret[i]);
      }
    }
    if (summary.ranked.size() >= 2) summary.ranks.push_back(rank_test(values));
    for (std::size_t k = 0; k < summary.ranked.size(); ++k) {
      double sum = 0.0;
      for (const auto& row : values) sum += row[k];
      summary.mean_regret[summary.ranked[k]].push_back(sum / static_cast<double>(values.size()));
    }
  }
  for (const std::string& name : summary.ranked) {
    std::vector<double> ms;
    for (const Problem& problem : comparison.problems)
      ms.push_back(summary.cells.at({problem.name(), name}).ms);
    summary.ms[name] = predict::median(std::move(ms));
  }
  return summary;
}

std::vector<std::string> left_out_lines(const ComparisonResults& results, const ComparisonSummary& summary) {
  std::vector<ComparisonSkip> skips = results.skips;
  skips.insert(skips.end(), summary.lacks.begin(), summary.lacks.end());
  // Of a contender that fails everywhere in one way, once.
  std::vector<std::pair<std::string, std::vector<std::string>>> reasons;
  for (const ComparisonSkip& skip : skips) {
    const std::string reason = fmt::format("{}: {}", skip.contender, skip.why);
    const auto found = std::find_if(reasons.begin(), reasons.end(),
                                    [&](const auto& entry) { return entry.first == reason; });
    auto& where = found == reasons.end() ? reasons.emplace_back(reason, std::vector<std::string>{}).second
                                         : found->second;
    if (!skip.problem.empty())
      where.push_back(skip.reached.empty() ? skip.problem : skip.problem + " " + skip.reached);
  }
  std::vector<std::string> lines;
  for (const auto& [reason, where] : reasons) {
    lines.push_back(reason);
    if (where.size() == 1) lines.back() += fmt::format(" ({})", where.front());
    if (where.size() > 1) lines.back() += fmt::format(" ({} and {} more)", where.front(), where.size() - 1);
  }
  return lines;
}

std::string comparison_text(const Comparison& comparison, const ComparisonResults& results,
                            const ComparisonSummary& summary) {
  std::string out;
  const bool clock = comparison.workers > 1;
  const char* unit = clock ? "evaluations' worth of time" : "evaluations";
  std::vector<std::size_t> order(summary.ranked.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (!summary.ranks.empty())
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return summary.ranks.back().mean_ranks[a] < summary.ranks.back().mean_ranks[b];
    });
  if (!summary.ranked.empty()) {
    std::vector<std::vector<std::string>> rows{{"contender", "mean rank"}};
    for (const double at : summary.at) rows[0].push_back(fmt::format("regret at {:.0f}", at));
    rows[0].push_back(clock ? "ms per trial" : "ms per ask+tell");
    rows[0].emplace_back("version");
    for (const std::size_t k : order) {
      const std::string& name = summary.ranked[k];
      auto& row = rows.emplace_back();
      row.push_back(name);
      row.push_back(summary.ranks.empty() ? "-" : fmt::format("{:.2f}", summary.ranks.back().mean_ranks[k]));
      for (const double regret : summary.mean_regret.at(name)) row.push_back(regret_text(regret));
      row.push_back(ms_text(summary.ms.at(name)));
      for (const Contender& contender : comparison.contenders)
        if (contender.name == name)
          row.push_back(contender.version + library_text(contender, comparison, summary));
    }
    out += fmt::format("Mean normalised regret over {} problems and {} seeds, by {}{}\n\n",
                       comparison.problems.size(), comparison.seeds, unit,
                       clock ? fmt::format(" on {} workers", comparison.workers) : std::string());
    out += table_text(rows);
  }
  if (!summary.ranks.empty()) {
    const RankTest& test = summary.ranks.back();
    out += fmt::format(
        "\nRanks at {:.0f}: Friedman's chi-square {:.1f}, p = {:.2g}; mean ranks that differ by more than "
        "{:.2f} "
        "differ at the 5% level (Nemenyi).\n",
        summary.at.back(), test.chi_square, test.p, test.critical_difference);
  }
  for (std::size_t i = 0; i < comparison.problems.size(); ++i) {
    const Problem& problem = comparison.problems[i];
    std::vector<std::vector<std::string>> rows{{problem.name()}};
    for (const double at : summary.at) rows[0].push_back(fmt::format("at {:.0f}", at));
    for (const double target : summary.targets) rows[0].push_back(fmt::format("to {:g}", target));
    rows[0].emplace_back("ms");
    rows[0].emplace_back("seeds");
    for (const Contender& contender : comparison.contenders) {
      const auto found = summary.cells.find({problem.name(), contender.name});
      if (found == summary.cells.end()) continue;
      auto& row = rows.emplace_back();
      row.push_back(contender.name);
      for (const double regret : found->second.regret) row.push_back(regret_text(regret));
      for (const double x : found->second.reached)
        row.push_back(std::isfinite(x) ? fmt::format("{:.0f}", std::ceil(x)) : "-");
      row.push_back(ms_text(found->second.ms));
      row.push_back(std::to_string(found->second.seeds));
    }
    if (rows.size() > 1) out += fmt::format("\n{}", table_text(rows));
  }
  out += fmt::format(
      "\nregret: 0 is the best there is, 1 a median config; at n: mean over seeds after n {}; to r: {} until "
      "the "
      "median run's regret is at most r.\n",
      unit, unit);
  const auto n_empty = std::count_if(results.runs.begin(), results.runs.end(),
                                     [](const ComparisonRun& run) { return run.best.empty(); });
  if (n_empty > 0)
    out += fmt::format(
        "{} of {} runs found nothing that counts; in means each is a median config (1), or the worst first "
        "find "
        "of the problem's other runs where that is worse.\n",
        n_empty, results.runs.size());
  const std::vector<std::string> left_out = left_out_lines(results, summary);
  if (!left_out.empty()) out += "\nLeft out:\n";
  for (const std::string& line : left_out) out += fmt::format("  {}\n", line);
  for (const std::string& name : summary.unranked)
    out +=
        fmt::format("  {} has no rank: it lacks results on some of the problems, or up to the end\n", name);
  return out;
}

Json comparison_json(const Comparison& comparison, const ComparisonSummary& summary) {
  Json list = Json::array();
  for (const Problem& problem : comparison.problems)
    for (const Contender& contender : comparison.contenders) {
      const auto found = summary.cells.find({problem.name(), contender.name});
      if (found == summary.cells.end()) continue;
      const auto& cell = found->second;
      std::vector<double> regret = cell.regret;
      for (double& value : regret)
        if (std::isinf(value)) value = cell.nothing;
      Json entry{{"table", problem.name()},
                 {"suite", problem.suite()},
                 {"searcher", contender.name},
                 {"version", contender.version},
                 {"workers", comparison.workers},
                 {"seeds", cell.seeds},
                 {"n", summary.at},
                 {"regret", numbers(regret)},
                 {"found", cell.found},
                 {"error", numbers(cell.error)},
                 {"targets", summary.targets},
                 {"reached", numbers(cell.reached)},
                 {"ms_per_ask", finite_or_null(cell.ms)}};
      if (!cell.library.empty()) entry["library"] = cell.library;
      list.push_back(std::move(entry));
    }
  return list;
}

}  // namespace hone::run
