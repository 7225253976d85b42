
#include "hone/base/error.h"
#include "hone/run/comparison.h"
#include "hone/run/page.h"

namespace hone::embedded {
// Defined by the build from the files of web/; see cmake/embed.cmake.
std::string_view report_css();
std::string_view comparison_html();
std::string_view comparison_css();
std::string_view comparison_js();
}  // namespace hone::embedded

namespace hone::run {

std::string comparison_page(const Comparison& comparison, const ComparisonResults& results,
                            const ComparisonSummary& summary, const std::string& title) {
  Json contenders = Json::array();
  for (const Contender& contender : comparison.contenders) {
    Json entry{{"name", contender.name},
               {"summary", contender.summary},
               {"version", contender.version},
               {"own", contender.peer.empty()}};
    if (const auto ms = summary.ms.find(contender.name); ms != summary.ms.end())
      entry["ms"] = real_to_json(ms->second);
    if (const auto regret = summary.mean_regret.find(contender.name); regret != summary.mean_regret.end()) {
      entry["regret"] = Json::array();
      for (const double value : regret->second) entry["regret"].push_back(real_to_json(value));
    }
    contenders.push_back(std::move(entry));
  }
  Json problems = Json::array();
  for (const Problem& problem : comparison.problems) {
    Json entry{{"name", problem.name()},
               {"title", problem.title()},
               {"suite", problem.suite()},
               {"parameters", problem.space().size()},
               {"results", Json::object()}};
    for (const Contender& contender : comparison.contenders) {
      const auto found = summary.cells.find({problem.name(), contender.name});
      if (found == summary.cells.end()) continue;
      const auto& cell = found->second;
      Json curve = Json::array(), regret = Json::array(), error = Json::array(), reached = Json::array();
      for (const auto& [x, y] : cell.curve) curve.push_back({x, y});
      for (const double value : cell.regret) regret.push_back(real_to_json(value));
      for (const double value : cell.error) error.push_back(real_to_json(value));
      for (const double value : cell.reached) reached.push_back(real_to_json(value));
      entry["results"][contender.name] = {{"curve", curve},      {"regret", regret},
                                          {"error", error},      {"reached", reached},
                                          {"seeds", cell.seeds}, {"ms", real_to_json(cell.ms)}};
    }
    problems.push_back(std::move(entry));
  }
  Json ranks = Json::array();
  for (const RankTest& test : summary.ranks)
    ranks.push_back({{"mean", test.mean_ranks},
                     {"chi_square", test.chi_square},
                     {"p", test.p},
                     {"critical_difference", test.critical_difference},
                     {"alike", test.alike}});
  Json skips = Json::array();
  for (const auto* list : {&results.skips, &summary.lacks})
    for (const ComparisonSkip& skip : *list)
      skips.push_back({{"problem", skip.problem},
                       {"contender", skip.contender},
                       {"why", skip.why},
                       {"reached", skip.reached}});
  const Json data{{"title", title},
                  {"hone", HONE_VERSION},
                  {"trials", comparison.trials},
                  {"seeds", comparison.seeds},
                  {"workers", comparison.workers},
                  {"at", summary.at},
                  {"targets", summary.targets},
                  {"ranked", summary.ranked},
                  {"ranks", ranks},
                  {"contenders", contenders},
                  {"problems", problems},
                  {"skips", skips}};
  return filled_page(embedded::comparison_html(), [&](std::string_view part) -> std::string {
    if (part == "head")
      return page_head(title, std::string(embedded::report_css()) + std::string(embedded::comparison_css()));
    if (part == "title") return html_escaped(title);
    if (part == "data") return embeddable_json(data);
    if (part == "program") return plot_program(embedded::comparison_js());
    throw internal_error("comparison.html names an unknown part '" + std::string(part) + "'");
  });
}

}  // namespace hone::run
