// The study of the hash for people, programs and the page.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/run/identity_study.h"
#include "hone/run/plot_page.h"

namespace hone::run {
namespace {

std::string percent(double share) { return fmt::format("{:.1f}%", 100.0 * share); }
std::string ratio(double share) { return std::isfinite(share) ? fmt::format("{:.2f}", share) : "never"; }
std::string five_digits(double value) { return fmt::format("{:.5g}", value); }

std::string noise_text(const std::string& noise, double deviation) {
  if (noise == "recorded") return "one recorded seed";
  if (noise.starts_with("gaussian"))
    return fmt::format("gaussian {:.2g}", std::stod(noise.substr(9)) * deviation);
  return noise;
}

const std::vector<std::string> kRowColumns{"setting", "searcher",     "policy",        "noise",
                                           "hits",    "collided",     "evaluations",   "best",
                                           "+-",      "best without", "share to equal"};

std::vector<std::string> cells_of(const IdentityRow& row, double deviation) {
  return {row.setting,
          row.searcher,
          row.policy,
          noise_text(row.noise, deviation),
          percent(row.hit_rate),
          percent(row.collisions),
          fmt::format("{:.0f}", row.evaluations),
          five_digits(row.quality),
          row.quality_error < 1e-9 ? "0" : fmt::format("{:.1g}", row.quality_error),
          five_digits(row.quality_off),
          ratio(row.share_of_evaluations)};
}

/// Analyses in the order in which they come.
std::vector<std::string> analyses_of(const TableStudy& study) {
  std::vector<std::string> names;
  for (const auto& row : study.rows)
    if (std::find(names.begin(), names.end(), row.analysis) == names.end()) names.push_back(row.analysis);
  return names;
}

PlotTable rows_table(const TableStudy& study, const std::string& analysis) {
  PlotTable table{"", kRowColumns, {}};
  for (const auto& row : study.rows)
    if (row.analysis == analysis) table.rows.push_back(cells_of(row, study.seed_noise));
  return table;
}

PlotTable hash_table(const TableStudy& study) {
  PlotTable table{"", {"bits", "examples", "steps", "keys", "designs a key", "collided"}, {}};
  for (const auto& row : study.hashes)
    table.rows.push_back({std::to_string(row.probe.mantissa_bits), std::to_string(row.probe.examples),
                          std::to_string(row.probe.steps), std::to_string(row.classes),
                          fmt::format("{:.2f}", row.a_key), percent(row.collided)});
  return table;
}

PlotTable agreement_table(const TableStudy& study) {
  PlotTable table{"", {"told apart by", "classes", "spread of " + study.metric + " within"}, {}};
  for (const auto& row : study.agreement)
    table.rows.push_back({row.convention, std::to_string(row.classes), five_digits(row.spread)});
  if (study.seed_noise > 0.0) {
    const double mean = study.seed_noise / std::sqrt(static_cast<double>(study.seeds));
    table.rows.push_back({"one design, by seed", "", five_digits(study.seed_noise)});
    table.rows.push_back({"one design, mean over seeds", "", five_digits(mean)});
  }
  return table;
}

PlotTable gain_table(const IdentityStudy& study, const std::string& table) {
  PlotTable result{"",
                   {"device", "latency spread", "all", "evaluations", "all, at equal evaluations",
                    "first member", "cheapest member", "gain", "+-", "evaluations paid"},
                   {}};
  for (const auto& row : study.gains)
    if (row.table == table)
      result.rows.push_back({row.device, percent(row.spread), fmt::format("{:.4f}", row.all),
                             fmt::format("{:.0f}", row.evaluations_all),
                             fmt::format("{:.4f}", row.all_at_equal), fmt::format("{:.4f}", row.first),
                             fmt::format("{:.4f}", row.cheapest),
                             fmt::format("{:.4f}", row.cheapest - row.all_at_equal),
                             fmt::format("{:.4f}", row.error), fmt::format("{:.0f}", row.evaluations)});
  return result;
}

std::string as_text(const PlotTable& table) {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    widths.push_back(table.columns[i].size());
    for (const auto& row : table.rows) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string own;
    for (std::size_t i = 0; i < cells.size(); ++i)
      own +=
          i == 0 ? fmt::format("{:<{}}", cells[i], widths[i]) : fmt::format("  {:>{}}", cells[i], widths[i]);
    text += own + "\n";
  };
  line(table.columns);
  for (const auto& row : table.rows) line(row);
  return text;
}

std::string table_lead(const TableStudy& study) {
  if (!study.computes)
    return fmt::format("{} designs, known by their configs alone; best {} {}", study.designs, study.metric,
                       five_digits(study.best));
  return fmt::format("{} designs compute {} functions; best {} {}, between seeds +-{:.2g}", study.designs,
                     study.functions, study.metric, five_digits(study.best), study.seed_noise);
}

Plot by_x(const TableStudy& study, const std::string& analysis, const std::string& title,
          const std::string& y, double (*value)(const IdentityRow&)) {
  const std::string x = analysis.starts_with("bits")     ? "bits"
                        : analysis.starts_with("forget") ? "F"
                        : analysis == "average"          ? "M"
                        : analysis == "noise"            ? "seed deviations"
                                                         : analysis;
  Plot plot{title, x, y, {}, analysis == "population", false};
  for (const auto& row : study.rows) {
    if (row.analysis != analysis) continue;
    const std::string name = row.searcher + ", " + row.policy;
    auto line =
        std::find_if(plot.lines.begin(), plot.lines.end(), [&](const auto& l) { return l.name == name; });
    if (line == plot.lines.end()) line = plot.lines.insert(line, {name, {}});
    line->points.emplace_back(row.x, value(row));
  }
  return plot;
}

PlotSection hash_section(const TableStudy& study) {
  PlotSection section{
      "The hash", "How many keys the designs have, by the bits that each float keeps.", {}, {}};
  const std::vector<PlotLine> lines{{"10 examples, 3 steps", {}}, {"1 example, 1 step", {}}};
  Plot keys{"Keys", "bits", "keys", lines};
  Plot mixed{"Collisions", "bits", "share of designs whose key holds several functions", lines};
  for (const auto& row : study.hashes) {
    const bool usual = row.probe.examples == 10 && row.probe.steps == 3;
    if (!usual && row.probe.examples * row.probe.steps != 1) continue;
    const std::size_t line = usual ? 0 : 1;
    keys.lines[line].points.emplace_back(row.probe.mantissa_bits, static_cast<double>(row.classes));
    mixed.lines[line].points.emplace_back(row.probe.mantissa_bits, row.collided);
  }
  // Bits of the last, smaller probes are out of order.
  for (Plot* plot : {&keys, &mixed})
    for (PlotLine& line : plot->lines) {
      std::sort(line.points.begin(), line.points.end());
      line.points.erase(std::unique(line.points.begin(), line.points.end()), line.points.end());
    }
  section.plots = {keys, mixed};
  section.tables = {hash_table(study), agreement_table(study)};
  return section;
}

Json row_json(const IdentityRow& row) {
  return {{"analysis", row.analysis},
          {"setting", row.setting},
          {"x", row.x},
          {"searcher", row.searcher},
          {"policy", row.policy},
          {"noise", row.noise},
          {"hit_rate", row.hit_rate},
          {"collisions", row.collisions},
          {"evaluations", row.evaluations},
          {"quality", real_to_json(row.quality)},
          {"quality_error", real_to_json(row.quality_error)},
          {"quality_off", real_to_json(row.quality_off)},
          {"share_of_evaluations", real_to_json(row.share_of_evaluations)}};
}

}  // namespace

Json IdentityStudy::json() const {
  Json list = Json::array();
  for (const auto& study : tables) {
    Json hashes = Json::array(), agreement = Json::array(), rows = Json::array();
    for (const auto& row : study.hashes)
      hashes.push_back({{"bits", row.probe.mantissa_bits},
                        {"examples", row.probe.examples},
                        {"steps", row.probe.steps},
                        {"keys", row.classes},
                        {"designs_a_key", row.a_key},
                        {"collided", row.collided}});
    for (const auto& row : study.agreement)
      agreement.push_back({{"convention", row.convention}, {"classes", row.classes}, {"spread", row.spread}});
    for (const auto& row : study.rows) rows.push_back(row_json(row));
    list.push_back({{"table", study.table},
                    {"metric", study.metric},
                    {"designs", study.designs},
                    {"functions", study.functions},
                    {"known_by", study.computes ? "what they compute" : "config alone"},
                    {"best", study.best},
                    {"seed_noise", study.seed_noise},
                    {"agreement", agreement},
                    {"hash", hashes},
                    {"searches", rows}});
  }
  Json devices = Json::array();
  for (const auto& row : gains)
    devices.push_back({{"table", row.table},
                       {"device", row.device},
                       {"latency_spread", row.spread},
                       {"all", row.all},
                       {"all_at_equal_evaluations", row.all_at_equal},
                       {"first_member", row.first},
                       {"cheapest_member", row.cheapest},
                       {"gain_error", row.error},
                       {"evaluations_all", row.evaluations_all},
                       {"evaluations", row.evaluations}});
  return {{"seeds", seeds},  {"proposals", proposals}, {"tables", list},
          {"gain", devices}, {"notes", notes},         {"interrupted", interrupted}};
}

std::string IdentityStudy::text() const {
  std::string text = fmt::format("{} proposals, {} seeds\n", proposals, seeds);
  for (const auto& study : tables) {
    text += fmt::format("\n== {}\n{}\n", study.table, table_lead(study));
    if (!study.hashes.empty())
      text += "\nhash\n" + as_text(hash_table(study)) + "\n" + as_text(agreement_table(study));
    for (const auto& analysis : analyses_of(study))
      text += fmt::format("\n{}\n{}", analysis, as_text(rows_table(study, analysis)));
    const PlotTable gain = gain_table(*this, study.table);
    if (!gain.rows.empty())
      text += fmt::format("\ngain: share of the best hypervolume of {} and latency\n{}", study.metric,
                          as_text(gain));
  }
  for (const auto& note : notes) text += fmt::format("\n{}", note);
  return text + (notes.empty() ? "" : "\n");
}

std::string identity_study_page(const IdentityStudy& study, const std::string& folder) {
  std::vector<PlotSection> sections;
  for (const auto& table : study.tables) {
    const auto named = [&](PlotSection section) {
      section.title = table.table + ": " + section.title;
      sections.push_back(std::move(section));
    };
    if (!table.hashes.empty()) named(hash_section(table));
    for (const auto& analysis : analyses_of(table)) {
      PlotSection section{
          analysis, analysis == "policies" ? table_lead(table) : "", {}, {rows_table(table, analysis)}};
      if (analysis != "policies")
        section.plots = {
            by_x(table, analysis, "Hits", "share of proposals",
                 [](const IdentityRow& row) { return row.hit_rate; }),
            by_x(table, analysis, "Best", table.metric, [](const IdentityRow& row) { return row.quality; }),
            by_x(table, analysis, "Evaluations", "paid",
                 [](const IdentityRow& row) { return row.evaluations; })};
      named(std::move(section));
    }
    if (PlotTable gain = gain_table(study, table.table); !gain.rows.empty())
      named({"gain",
             "Share of the best hypervolume of quality and latency. Quality is known by function, latency by "
             "structure: of a function's members the cheapest stays.",
             {},
             {std::move(gain)}});
  }
  std::string lead = fmt::format("{} proposals, {} seeds each.", study.proposals, study.seeds);
  for (const auto& note : study.notes) lead += " " + note + ".";
  return plot_page("hone bench identity", folder, lead, sections);
}

}  // namespace hone::run
