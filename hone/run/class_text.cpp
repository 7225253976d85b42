// Class counts and proposal curves for people, programs and the page.
#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "hone/base/units.h"
#include "hone/run/class_count.h"
#include "hone/run/plot_page.h"

namespace hone::run {
namespace {

Json classes_json(const Classes& classes) {
  Json largest = Json::array();
  for (const auto& member : classes.largest)
    largest.push_back({{"size", member.size}, {"example", member.example.json()}});
  return {{"classes", classes.classes}, {"alone", classes.alone}, {"largest", largest}};
}

/// "6,100 classes, 3,200 of one design", with the largest below.
std::string classes_text(const char* name, const std::optional<Classes>& classes, const std::string& lacks) {
  if (!classes) return fmt::format("{:<12} {:>9}  {}\n", name, "-", lacks);
  return fmt::format("{:<12} {:>9}  {} of one design alone\n", name, classes->classes, classes->alone);
}

std::string share_text(double share) { return fmt::format("{:.1f}%", 100.0 * share); }

PlotTable largest_table(const char* title, const Classes& classes) {
  PlotTable table{title, {"designs", "one of them"}, {}};
  for (const auto& member : classes.largest)
    table.rows.push_back({std::to_string(member.size), member.example.shown()});
  return table;
}

}  // namespace

std::string cell_convention(const std::string& name) {
  if (name == "published")
    return "strings as NAS-Bench-201 counts: a skip is its operand, a none is zero, but zero + x is not x";
  if (name == "structural")
    return "what zero contributes is gone, an operation on zero is zero, sums are flat";
  if (name == "tanh_bias")
    return "computed, an operation being tanh(W x + b): with a bias it makes something of zero";
  if (name == "tanh") return "computed, an operation being tanh(W x): zero stays zero";
  if (name == "relu_linear_pool")
    return "computed, W max(x, 0) with pooling linear: a sum of poolings is a pooling of the sum";
  return "";
}

Json ClassCount::json() const {
  Json json{{"study", study},   {"task", task},       {"designs", literal},    {"all", designs.all},
            {"total", nullptr}, {"literal", literal}, {"structural", nullptr}, {"functional", nullptr}};
  if (designs.total) json["total"] = *designs.total;
  if (structural) json["structural"] = classes_json(*structural);
  if (functional) {
    json["functional"] = classes_json(*functional);
    json["functional"]["by_key_alone"] = by_key_alone;
    json["functional"]["unhashable"] = unhashable;
    json["functional"]["ambiguous_floats"] = ambiguous;
    json["functional"]["failures"] = failures;
  }
  if (!cells.empty()) {
    json["cells"] = cell_kind;
    json["classes"] = Json::object();
    json["conventions"] = Json::object();
    for (const auto& one : cells) {
      json["classes"][one.name] = one.classes;
      json["conventions"][one.name] = cell_convention(one.name);
    }
  }
  json["interrupted"] = interrupted;
  return json;
}

std::string ClassCount::text() const {
  std::string text = fmt::format("{}: ", study);
  if (interrupted)
    text += fmt::format("stopped after {} designs", literal);
  else if (designs.all)
    text += fmt::format("all {}", counted(literal, "design"));
  else
    text += fmt::format("{} drawn of {}", counted(literal, "design"),
                        designs.total ? std::to_string(*designs.total) : "a space too large to count");
  text += fmt::format("\n\n{:<12} {:>9}\n", "key", "classes");
  text += fmt::format("{:<12} {:>9}  different configs\n", "literal", literal);
  text += classes_text("structural", structural, fmt::format("task '{}' has no graph", task));
  text += classes_text("functional", functional, fmt::format("task '{}' has no probe", task));
  if (functional) {
    if (by_key_alone != functional->classes)
      text += fmt::format("{:<12} {:>9}  without near keys\n", "", by_key_alone);
    if (unhashable > 0) {
      text += fmt::format("{:<12} {:>9}  unhashable, each a class of its own\n", "", unhashable);
      for (const auto& [why, n] : failures) text += fmt::format("{:<12} {:>9}    {}\n", "", n, why);
    }
  }
  if (!cells.empty()) {
    text += fmt::format("\ncells of {}, by convention\n", cell_kind);
    for (const auto& one : cells)
      text += fmt::format("{:<18} {:>7}  {}\n", one.name, one.classes, cell_convention(one.name));
  }
  const auto list = [&](const char* title, const std::optional<Classes>& classes) {
    if (!classes || classes->largest.empty()) return;
    text += fmt::format("\nlargest {} classes\n", title);
    for (const auto& member : classes->largest)
      text += fmt::format("{:>9}  {}\n", member.size, member.example.shown());
  };
  list("functional", functional);
  if (!functional) list("structural", structural);
  return text;
}

double ProposalCurve::repeats() const {
  if (points.empty()) return 0.0;
  return 1.0 - static_cast<double>(points.back().functions) / static_cast<double>(points.back().proposals);
}

Json ProposalCurve::json() const {
  Json list = Json::array();
  for (const At& at : points) {
    Json entry{{"proposals", at.proposals}, {"functions", at.functions}};
    if (at.structures) entry["structures"] = *at.structures;
    list.push_back(std::move(entry));
  }
  return {{"searcher", searcher}, {"repeats", repeats()}, {"curve", list}};
}

ProposalCurve proposal_curve(const std::string& searcher, const std::vector<Probed>& probed) {
  ProposalCurve curve{searcher, {}};
  std::unordered_set<Key> functions, structures;
  std::int64_t known = 0, same = 0;
  const std::size_t every = std::max<std::size_t>(1, probed.size() / 60);
  for (std::size_t i = 0; i < probed.size(); ++i) {
    const Probed& one = probed[i];
    if (one.functional) {
      bool repeats = functions.contains(one.functional->key);
      for (const Key near : one.functional->near) repeats = repeats || functions.contains(near);
      if (repeats) ++known;
      functions.insert(one.functional->key);
      functions.insert(one.functional->near.begin(), one.functional->near.end());
    }
    if (!one.structural.none() && !structures.insert(one.structural).second) ++same;
    if ((i + 1) % every != 0 && i + 1 != probed.size()) continue;
    const auto n = static_cast<std::int64_t>(i + 1);
    curve.points.push_back({n, n - known, std::nullopt});
    if (!structures.empty()) curve.points.back().structures = n - same;
  }
  return curve;
}

std::string proposals_text(const std::vector<ProposalCurve>& curves) {
  if (curves.empty()) return "";
  std::string text =
      fmt::format("\n{:<24} {:>10} {:>10} {:>9}\n", "proposals of", "proposals", "functions", "repeats");
  for (const auto& curve : curves) {
    std::int64_t next = 10;
    for (std::size_t i = 0; i < curve.points.size(); ++i) {
      const auto& at = curve.points[i];
      if (i + 1 != curve.points.size() && at.proposals < next) continue;
      text += fmt::format(
          "{:<24} {:>10} {:>10} {:>9}\n", curve.searcher, at.proposals, at.functions,
          share_text(1.0 - static_cast<double>(at.functions) / static_cast<double>(at.proposals)));
      while (next <= at.proposals) next *= 3;
    }
  }
  return text;
}

std::string class_page(const ClassCount& count, const std::vector<ProposalCurve>& curves) {
  PlotSection classes{
      "Classes", "Designs that share a key are one class: the second need not be trained.", {}, {}};
  PlotTable table{"", {"key", "classes", "of one design"}, {}};
  table.rows.push_back({"literal", std::to_string(count.literal), ""});
  const auto row = [&](const char* name, const std::optional<Classes>& these) {
    if (these) table.rows.push_back({name, std::to_string(these->classes), std::to_string(these->alone)});
  };
  row("structural", count.structural);
  row("functional", count.functional);
  classes.tables.push_back(std::move(table));
  PlotTable cells{
      "Cells of " + count.cell_kind + ", by convention", {"convention", "classes", "what is equal"}, {}};
  for (const auto& one : count.cells)
    cells.rows.push_back({one.name, std::to_string(one.classes), cell_convention(one.name)});
  if (!cells.rows.empty()) classes.tables.push_back(std::move(cells));
  if (count.functional)
    classes.tables.push_back(largest_table("Largest functional classes", *count.functional));
  if (count.structural)
    classes.tables.push_back(largest_table("Largest structural classes", *count.structural));
  std::vector<PlotSection> sections{std::move(classes)};
  if (!curves.empty()) {
    PlotSection proposals{
        "Proposals",
        "How many of a searcher's proposals compute something new. The rest need no training.",
        {},
        {}};
    // Without a probe nothing is known of functions: what differs is the config.
    const std::string what = count.functional ? "functions" : "configs";
    Plot found{"Different " + what, "proposals", what, {}}, share{"Repeats", "proposals", "share", {}};
    PlotTable ends{"", {"searcher", "proposals", "different " + what, "repeats"}, {}};
    for (const auto& curve : curves) {
      PlotLine functions{curve.searcher, {}}, repeats{curve.searcher, {}};
      for (const auto& at : curve.points) {
        const auto n = static_cast<double>(at.proposals), f = static_cast<double>(at.functions);
        functions.points.emplace_back(n, f);
        repeats.points.emplace_back(n, 1.0 - f / n);
      }
      found.lines.push_back(std::move(functions));
      share.lines.push_back(std::move(repeats));
      if (!curve.points.empty())
        ends.rows.push_back({curve.searcher, std::to_string(curve.points.back().proposals),
                             std::to_string(curve.points.back().functions), share_text(curve.repeats())});
    }
    proposals.plots = {std::move(found), std::move(share)};
    proposals.tables.push_back(std::move(ends));
    sections.push_back(std::move(proposals));
  }
  const std::string lead = count.functional
                               ? fmt::format("{} configs compute {} different functions.", count.literal,
                                             count.functional->classes)
                               : fmt::format("{} configs; the task has no probe.", count.literal);
  return plot_page("hone identity", count.study, lead, sections);
}

}  // namespace hone::run
