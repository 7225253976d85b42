#include "hone/run/report.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <regex>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"

namespace hone::run {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kRungs[] = {20, 60, 180};

/// A trial that looks like those of a small language model: wider and deeper is better and slower, the
/// learning rate has an optimum, most trials stop early, some diverge or break the latency limit.
Json made_trial(int id, int n_objectives, double now_s) {
  Rng rng(1, "report", static_cast<std::uint64_t>(id));
  const bool pattention = rng.below(3) == 0;
  const auto layers = static_cast<int>(1 + rng.below(4)), width = static_cast<int>(32 * (1 + rng.below(4)));
  const double lr = std::exp(rng.uniform(std::log(1e-4), std::log(3e-2)));
  Json config{{"mixer", pattention ? "pattention" : "attention"},
              {"layers", layers},
              {"width", width},
              {"heads", 1 << rng.below(4)},
              {"lr", lr},
              {"tied", rng.below(2) == 0},
              {"optimiser", "adamw"}};
  if (pattention)
    config["tokens"] = static_cast<int>(std::exp(rng.uniform(std::log(32.0), std::log(1024.0))));

  const double parameters = 12.0 * layers * width * width + 96.0 * width;
  const double latency = 6e-5 * layers * std::pow(width / 32.0, 1.3) * (pattention ? 1.2 : 1.0);
  const double off = std::log(lr / 4e-3);
  const double floor =
      1.75 + 4.0 / std::pow(parameters, 0.16) + 0.05 * off * off + 0.03 * std::abs(rng.normal());
  const auto loss_at = [&](double step) {
    return floor + (6.5 - floor) * std::exp(-std::pow(step / 14.0, 0.6));
  };

  const bool infeasible = latency > 1e-3, failed = !infeasible && lr > 2e-2 && rng.below(2) == 0;
  const std::uint64_t luck = rng.below(9);
  const int n_rungs = infeasible || failed ? 0 : luck == 0 ? 3 : luck < 4 ? 2 : 1;
  Json measures{{"latency_s", latency}, {"parameters", parameters}}, results = Json::array(),
                                                                     curve = Json::array();
  for (int k = 0; k < n_rungs; ++k) {
    measures["bits_per_char"] = loss_at(kRungs[k]) + 0.02;
    if (n_objectives > 2) measures["energy_j"] = latency * 14.0 * (1.0 + 0.1 * rng.uniform());
    measures["grad_norm"] = id % 7 == 0 ? real_to_json(kNan) : Json(rng.uniform(0.1, 2.0));
    results.push_back({{"fidelity", kRungs[k]}, {"measures", measures}});
  }
  const int last = n_rungs ? kRungs[n_rungs - 1] : failed ? 30 : 0;
  for (int step = 0; step <= last; step += 10)
    curve.push_back(
        Json::array({step, failed && step == 30 ? Json("nan") : Json(loss_at(step) + 0.05 * rng.normal())}));
  const double spent = 0.02 * last + 0.01;
  return {{"id", id},
          {"state", infeasible     ? "infeasible"
                    : failed       ? "failed"
                    : n_rungs == 3 ? "completed"
                                   : "paused"},
          {"reason", infeasible ? "latency_s is over the limit of 1.00 ms"
                     : failed   ? "diverged: loss is nan"
                                : ""},
          {"config", config},
          {"fidelity", n_rungs ? last : 0},
          {"measures", measures},
          {"results", results},
          {"curve", curve},
          {"created_s", now_s},
          {"finished_s", now_s + spent},
          {"spent_s", spent},
          {"same_as", id > 10 && id % 23 == 0 ? id - 10 : -1},
          {"worker", fmt::format("w{}", id % 2)},
          {"on_front", false}};
}

/// The report's document for a study of `n` trials.
Json made_study(int n, int n_objectives) {
  const std::vector<Json> all{
      {{"name", "bits_per_char"}, {"minimize", true}, {"summary", "validation loss in bits"}},
      {{"name", "latency_s"}, {"minimize", true}, {"summary", "one token, one core"}},
      {{"name", "energy_j"}, {"minimize", true}, {"summary", "one token"}}};
  Json data{{"study", "licences"},
            {"hone", "0.1.0"},
            {"made", "2026-11-21 23:55:01"},
            {"task", "text"},
            {"fidelity_unit", "steps"},
            {"rungs", kRungs},
            {"objectives", Json::array()},
            {"limits", {"latency_s <= 1.00 ms"}},
            {"searcher", "tpe"},
            {"scheduler", "asha"},
            {"seed", 1},
            {"elapsed_s", 181.2},
            {"workers", 2},
            {"stopped", "time budget reached"}};
  for (int k = 0; k < n_objectives; ++k) data["objectives"].push_back(all[static_cast<std::size_t>(k)]);
  Json counts = Json::object(), trials = Json::array(), front = Json::array(), volume = Json::array();
  std::vector<std::pair<double, double>> best;  // of the trials at the top: (quality, latency)
  std::vector<int> ids;
  for (int id = 0; id < n; ++id) {
    const double now = 180.0 * id / n;
    Json trial = made_trial(id, n_objectives, now);
    const std::string state = trial["state"];
    counts[state] = counts.value(state, 0) + 1;
    if (state == "completed") {
      best.emplace_back(trial["measures"]["bits_per_char"],
                        n_objectives > 1 ? trial["measures"]["latency_s"].get<double>() : 0.0);
      ids.push_back(id);
      volume.push_back(Json::array({now, 0.004 * (1.0 - std::exp(-now / 40.0))}));
    }
    trials.push_back(std::move(trial));
  }
  std::vector<std::size_t> kept;
  for (std::size_t a = 0; a < best.size(); ++a)
    if (std::none_of(best.begin(), best.end(), [&](const auto& b) {
          return b != best[a] && b.first <= best[a].first && b.second <= best[a].second;
        }))
      kept.push_back(a);
  std::sort(kept.begin(), kept.end(), [&](std::size_t a, std::size_t b) { return best[a] < best[b]; });
  for (const std::size_t a : kept) {
    front.push_back(ids[a]);
    trials[static_cast<std::size_t>(ids[a])]["on_front"] = true;
  }
  data["counts"] = counts;
  data["failures"] = Json::array();
  if (counts.contains("failed"))
    data["failures"].push_back({{"reason", "diverged: loss is nan"}, {"count", counts["failed"]}});
  data["saved"] = {{"evaluations", n / 20},
                   {"steps", n / 20 * 60},
                   {"why",
                    {{{"reason", "same config proposed again"}, {"count", n / 40}},
                     {{"reason", "same function (structure known)"}, {"count", n / 20 - n / 40}}}}};
  data["hypervolume"] = n_objectives > 1 ? volume : Json::array();
  if (n_objectives > 1) data["hypervolume_reference"] = {4.0, 0.003};
  data["front"] = front;
  data["parameters"] = Json::array();
  for (const char* name : {"mixer", "layers", "width", "heads", "lr", "tokens", "tied", "optimiser"})
    data["parameters"].push_back({{"name", name},
                                  {"kind", "real"},
                                  {"log", name == std::string("lr") || name == std::string("tokens")}});
  data["measures"] = data["objectives"];
  if (n_objectives < 2)
    data["measures"].push_back({{"name", "latency_s"}, {"summary", "one token, one core"}});
  data["measures"].push_back({{"name", "parameters"}, {"summary", "trainable numbers"}});
  data["trials"] = std::move(trials);
  if (n)
    data["sample"] =
        "THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY\nof any kind, <b>express</b> or implied";
  return data;
}

/// Names and configs as an enemy would write them.
Json hostile_study() {
  Json data = made_study(30, 2);
  const std::string evil = "</script><script>document.title='broken'</script><!-- {{data}} \"'&";
  data["study"] = evil;
  data["trials"][3]["config"]["mixer"] = evil;
  data["trials"][4]["config"]["mixer"] = "\xff\xfe no UTF-8";
  data["trials"][5]["measures"] = {{"bits_per_char", "inf"}, {"latency_s", "nan"}};
  data["trials"][6]["measures"]["bits_per_char"] = kNan;  // written as null
  data["parameters"][0]["name"] = evil;
  return data;
}

std::string data_part(const std::string& page) {
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const auto from = page.find(open);
  if (from == std::string::npos) return "";
  return page.substr(from + open.size(), page.find("</script>", from) - from - open.size());
}

int occurrences(const std::string& text, const std::string& what) {
  int n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

TEST(Report, HoldsTheDataUnchanged) {
  const Json data = made_study(200, 2);
  EXPECT_EQ(Json::parse(data_part(report_page(data))), data);
}

TEST(Report, LoadsNothing) {
  const std::string page = report_page(made_study(20, 2));
  const std::regex loads(R"((src|href|action|srcset)\s*=\s*["']?\s*(https?:)?//|@import|url\(|import\s*\()",
                         std::regex::icase);
  // The chart library is one long line, on which std::regex would exhaust the stack: look line by line, and
  // into that one by plain search.
  std::size_t at = 0;
  while (at < page.size()) {
    const auto end = std::min(page.find('\n', at), page.size());
    const std::string line = page.substr(at, end - at);
    if (line.size() < 4000) {
      EXPECT_FALSE(std::regex_search(line, loads)) << line;
    }
    at = end + 1;
  }
  for (const char* what :
       {"src=\"http", "href=\"http", "src='http", "@import", "importScripts", "XMLHttpRequest", "fetch("})
    EXPECT_EQ(page.find(what), std::string::npos) << what;
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
}

TEST(Report, FillsItsTemplate) {
  const std::string page = report_page(made_study(20, 2));
  for (const char* part : {"{{title}}", "{{style}}", "{{data}}", "{{chart}}", "{{program}}"})
    EXPECT_EQ(page.find(part), std::string::npos) << part;
  EXPECT_NE(page.find("<title>licences"), std::string::npos);
  EXPECT_NE(page.find("Chart.js v3"), std::string::npos);
  EXPECT_NE(page.find("function front_chart()"), std::string::npos);
  EXPECT_NE(page.find("prefers-color-scheme: dark"), std::string::npos);
  EXPECT_EQ(occurrences(page, "</script>"), 3);
  EXPECT_EQ(page.substr(page.size() - 8), "</html>\n");
}

TEST(Report, EscapesWhatStrangersWrote) {
  const Json data = hostile_study();
  const std::string page = report_page(data);
  EXPECT_EQ(occurrences(page, "</script>"), 3);
  EXPECT_EQ(occurrences(page, "<!--"), 0);
  EXPECT_EQ(page.find("<script>document"), std::string::npos);
  EXPECT_NE(page.find("<h1>&lt;/script&gt;&lt;script&gt;document.title=&#39;broken&#39;"), std::string::npos);
  const Json read = Json::parse(data_part(page));
  EXPECT_EQ(read["study"], data["study"]);
  EXPECT_EQ(read["trials"][3]["config"]["mixer"], data["trials"][3]["config"]["mixer"]);
  EXPECT_EQ(read["trials"][4]["config"]["mixer"], "\xEF\xBF\xBD\xEF\xBF\xBD no UTF-8");
}

TEST(Report, RepeatsItselfByteByByte) {
  EXPECT_EQ(report_page(made_study(50, 3)), report_page(made_study(50, 3)));
}

TEST(Report, TakesAnEmptyDocumentAndRefusesOtherThings) {
  EXPECT_EQ(data_part(report_page(Json::object())), "{}");
  EXPECT_THROW(report_page(Json::array()), Error);
  EXPECT_THROW(report_page(Json("text")), Error);
}

/// The page as a browser leaves it, for those who have one; the page's own checks say what went wrong.
class ReportInBrowser : public testing::TestWithParam<std::string> {
 protected:
  static Json document(const std::string& name) {
    if (name == "front") return made_study(200, 2);
    if (name == "none") return made_study(0, 2);
    if (name == "single") return made_study(150, 1);
    if (name == "three") return made_study(150, 3);
    if (name == "many") return made_study(std::getenv("HONE_REPORT_PAGES") ? 20000 : 3000, 2);
    if (name == "hostile") return hostile_study();
    return Json::object();
  }
  static std::string run(const std::string& command) {
    std::string out;
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return out;
    char buffer[4096];
    while (const std::size_t n = fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
    pclose(pipe);
    return out;
  }
};

TEST_P(ReportInBrowser, DrawsEverySectionWithoutAnError) {
  const std::string page = report_page(document(GetParam()));
  // HONE_REPORT_PAGES names a folder in which the pages stay, to be looked at.
  const char* kept = std::getenv("HONE_REPORT_PAGES");
  const std::string folder = kept ? std::string(kept) + "/" : testing::TempDir();
  const std::string path = folder + "hone_report_" + GetParam() + ".html";
  std::ofstream(path, std::ios::binary) << page;
  if (run("command -v chromium").empty()) GTEST_SKIP() << "chromium is not installed";
  const std::string profile = path + ".profile";
  const std::string dom =
      run(fmt::format("timeout 100 chromium --headless --no-sandbox --disable-gpu --disable-quic "
                      "--no-first-run --disable-background-networking "
                      "--disable-component-update --disable-sync --user-data-dir='{}' --dump-dom 'file://{}' "
                      "2>/dev/null; rm -rf '{}'",
                      profile, path, profile));
  if (!kept) std::remove(path.c_str());
  ASSERT_NE(dom.find("</html>"), std::string::npos) << "the browser gave no document";
  const auto body = dom.find("<body");
  EXPECT_NE(dom.find("id=\"problem\" class=\"notice\" role=\"alert\" hidden", body), std::string::npos)
      << dom.substr(dom.find("id=\"problem\"", body), 300);
  EXPECT_NE(dom.find("Written by hone"), std::string::npos);
  EXPECT_EQ(dom.find("<title>broken"), std::string::npos);
  if (GetParam() == "front") {
    EXPECT_GE(occurrences(dom, "<canvas"), 9);  // front, two of history, two of curves, seven of parameters
    EXPECT_NE(dom.find("200 trials in 3:01 by 2 workers"), std::string::npos);
  }
  if (GetParam() == "many") {
    EXPECT_LT(occurrences(dom, "<tr"), 200) << "only rows in sight may exist";
  }
  if (GetParam() == "none") {
    EXPECT_NE(dom.find("No trials yet."), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(Pages, ReportInBrowser,
                         testing::Values("front", "none", "single", "three", "many", "hostile", "empty"),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace hone::run
