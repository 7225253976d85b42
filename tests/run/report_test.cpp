#include "hone/run/report.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/run/report_data.h"
#include "made_study.h"

namespace hone::run {
namespace {

using test::made_study;
using test::MadeStudy;

Json document(const MadeStudy& made, const std::string& sample = {}) {
  return report_json(*made.study, made.file, sample);
}

constexpr const char* kEvil = "</script><script>document.title='broken'</script><!-- {{data}} \"'&";

/// Names and configs as an enemy would write them.
Json hostile_study() {
  Json data = document(made_study(60, 2, kEvil, kEvil), kEvil);
  data["task"] = "\xff\xfe no UTF-8";
  data["trials"]["measures"]["bits_per_char"] = {{"n", 60}, {"i", {5, 6, 7}}, {"v", {"inf", "nan", nullptr}}};
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
  const Json data = document(made_study(200, 2));
  EXPECT_EQ(Json::parse(data_part(report_page(data))), data);
}

TEST(Report, LoadsNothing) {
  const std::string page = report_page(document(made_study(20, 2)));
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
  const std::string page = report_page(document(made_study(20, 2)));
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
  EXPECT_EQ(read["trials"]["config"]["mixer"], data["trials"]["config"]["mixer"]);
  EXPECT_NE(read["trials"]["config"]["mixer"].dump().find("document.title='broken'"), std::string::npos);
  EXPECT_EQ(read["task"], "\xEF\xBF\xBD\xEF\xBF\xBD no UTF-8");
}

TEST(Report, RepeatsItselfByteByByte) {
  const Json data = document(made_study(50, 3));
  EXPECT_EQ(report_page(data), report_page(data));
}

TEST(Report, TakesAnEmptyDocumentAndRefusesOtherThings) {
  EXPECT_EQ(data_part(report_page(Json::object())), "{}");
  EXPECT_THROW(report_page(Json::array()), Error);
  EXPECT_THROW(report_page(Json("text")), Error);
}

/// Every result breaks a limit.
Json limits_study() {
  Json data = document(made_study(40, 2));
  data["trials"]["state"] = {{"c", "infeasible"}};
  data["counts"] = {{"infeasible", 40}};
  data["front"] = Json::array();
  data["hypervolume"] = Json::array();
  return data;
}

/// Measures and a parameter whose differences and ratios are beyond all numbers, and so is the hypervolume.
Json extreme_study() {
  Json data = document(made_study(40, 2));
  Json measures = Json::array(), rates = Json::array();
  for (int i = 0; i < 40; ++i) {
    measures.push_back(i % 3 == 0 ? 1.7e308 : i % 3 == 1 ? -1.7e308 : 1e-300);
    rates.push_back(i % 2 == 0 ? 1e-300 : i == 7 ? 1.0 : 1e300);
  }
  data["trials"]["measures"]["bits_per_char"] = measures;
  data["trials"]["config"]["lr"] = rates;
  data["hypervolume"] = {{1, 1.0, "inf"}, {2, 2.0, nullptr}};
  return data;
}

/// Runs in the page once all is drawn: tables must have a cell under every head, and one click sorts by a
/// head, a second the other way round; what is for screen readers takes no room. What went wrong is left at
/// the root, which the dumped document shows.
constexpr const char* kProbe = R"js(<script>
const wrong = [];
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
async function probe_tables() {
  for (const id of ["front-table", "trials-table"]) {
    const table = document.querySelector(`#${id} table`);
    if (!table) continue;
    const cells = (k) => [...table.querySelectorAll("tbody tr:not(.space)")].map((tr) => tr.children[k].textContent);
    const heads = table.querySelectorAll("thead th"), columns = table.querySelectorAll("col");
    for (const tr of table.querySelectorAll("tbody tr:not(.space)"))
      if (tr.children.length !== heads.length || columns.length !== heads.length)
        wrong.push(`${id}: ${tr.children.length} cells and ${columns.length} columns under ${heads.length} heads`);
    for (let k = 0; k < heads.length; ++k) {
      const title = heads[k].textContent;
      for (const [way, arrow] of [["ascending", "\u2191"], ["descending", "\u2193"]]) {
        heads[k].firstChild.click();
        if (heads[k].getAttribute("aria-sort") !== way || heads[k].textContent !== `${title} ${arrow}`)
          wrong.push(`${id}: a click does not sort ${way} by ${title}`);
        if (title === "trial") {
          const ids = cells(0).map((text) => parseInt(text)), sorted = [...ids].sort((a, b) => (way === "ascending" ? a - b : b - a));
          if (ids.join() !== sorted.join()) wrong.push(`${id}: trials are not ${way}: ${ids}`);
        }
      }
      if (title === "state" && cells(k).some((text) => !STATES.includes(text))) wrong.push(`${id}: below state stands ${cells(k)}`);
    }
    await probe_keys(id, table);
  }
}
/** To Tab the rows are one stop, and the keyboard keeps its place over moving, choosing and scrolling. */
async function probe_keys(id, table) {
  const stops = () => [...table.querySelectorAll("tbody button[tabindex='0']")], last = Number(table.getAttribute("aria-rowcount"));
  if (stops().length !== 1 || table.querySelectorAll("tbody button:not([tabindex])").length) return void wrong.push(`${id}: ${stops().length} stops`);
  stops()[0].focus();
  const at = (key) => {
    const row = document.activeElement.closest(`#${id} tbody tr`);
    if (!row || stops().length !== 1 || stops()[0] !== document.activeElement) wrong.push(`${id}: ${key} loses the focus`);
    return row ? Number(row.getAttribute("aria-rowindex")) : 0;
  };
  let row = 2;
  for (const [key, next] of [["Home", () => 2], ["ArrowDown", (n) => n + 1], ["ArrowUp", (n) => n - 1], ["End", () => last], ["ArrowDown", () => last], ["Home", () => 2]]) {
    press(key);
    row = Math.min(last, Math.max(2, next(row)));
    if (at(key) !== row) wrong.push(`${id}: ${key} goes to row ${at(key)}, not ${row}`);
  }
  for (let k = 0; k < 6; ++k) press("PageDown");
  await pause(100);
  if (last > 5 && at("PageDown") < Math.min(last, 9)) wrong.push(`${id}: PageDown goes to row ${at("PageDown")} of ${last}`);
  const kept = document.activeElement;
  kept.click();
  if (document.activeElement !== kept || !kept.closest("tr.chosen")) wrong.push(`${id}: choosing a row loses the focus`);
  table.parentElement.scrollTop = 1e6;
  await pause(200);
  if (document.activeElement !== kept) wrong.push(`${id}: scrolling loses the focus`);
}
async function probe_filter() {
  const search = document.querySelector("input[type=search]");
  if (!search) return;
  const found = async (text) => {
    search.value = text;
    search.dispatchEvent(new Event("input"));
    await pause(200);
    return $("trials-note").textContent.split(".")[0];
  };
  if (await found("trial < 5") !== await found("trial<5")) wrong.push("blanks about a comparison change the filter");
  if (trials.length > 5 && trials.length === total_trials && !(await found("trial>= 2  trial <5")).startsWith("3 of")) wrong.push(`the filter leaves ${await found("trial>= 2  trial <5")}`);
  await found("");
}
/** Lines of the parallel coordinates can be stepped through and chosen, and ranges written, by keys alone. */
async function probe_parallel() {
  const strip = document.querySelector(".sideways"), drawn = () => parseInt($("parallel-caption").textContent.replace(/^\D+|,/g, ""));
  // Without an objective that is a number there are no lines.
  if (!strip || $("parallel").hidden || !drawn()) return;
  strip.focus();
  press("ArrowDown");
  if ($("tip").hidden) wrong.push("an arrow key shows no line");
  select(null);
  press("Enter");
  if (selection.id === null) wrong.push("Enter selects no line");
  strip.blur();
  await pause(100);
  const field = (label) => [...document.querySelectorAll("#parallel-controls label")].find((l) => l.textContent.startsWith(label)).querySelector("select, input");
  const set = (label, text) => { const box = field(label); box.value = text; box.dispatchEvent(new Event("change")); };
  if (!told_apart.some((p) => p.name === "layers")) return;
  set("Range of", "layers");
  const all = drawn();
  set("from", "2");
  const some = drawn();
  set("to", "2");
  if (!(all > some && some > drawn() && drawn() > 0)) wrong.push(`ranges leave ${all}, ${some}, ${drawn()} lines`);
}
/** Marks and borders stand 3:1 against the ground. */
function probe_contrast() {
  const light = (name) => {
    const [r, g, b] = [1, 3, 5].map((k) => parseInt(css(name).slice(k, k + 2), 16) / 255).map((v) => (v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4));
    return .2126 * r + .7152 * g + .0722 * b + .05;
  };
  for (const name of ["front", "top", "low", "outside", "edge", ...STATES])
    for (const ground of ["panel"]) {
      const [a, b] = [light(name), light(ground)], ratio = Math.max(a, b) / Math.min(a, b);
      if (ratio < 3) wrong.push(`${name} stands ${ratio.toFixed(2)}:1 against ${ground}`);
    }
}
function probe_plots() {
  for (const host of document.querySelectorAll(".plot:not(.vacant) > canvas")) {
    const chart = Chart.getChart(host);
    for (const [along, scale] of Object.entries(chart.scales))
      if (!(scale.ticks.length > 0 && scale.ticks.every((t) => Number.isFinite(t.value)) && (along === "y" || scale.width > 40) && Number.isFinite(scale.getPixelForValue(scale.ticks[0].value))))
        wrong.push(`${host.getAttribute("aria-label")}: an axis without ticks, or from ${scale.min} to ${scale.max}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`the page is ${document.documentElement.scrollWidth} wide`);
  const [a, b] = [1, 2].map((k) => shortened(`a_rather_long_parameter_name_${k}`));
  if (a === b) wrong.push(`different names are shortened to ${a}`);
}
async function probe() {
  probe_contrast();
  probe_plots();
  await probe_tables();
  await probe_filter();
  await probe_parallel();
  for (const node of document.querySelectorAll(".skip"))
    if (node.getBoundingClientRect().width > 1.5) wrong.push(`what is for screen readers shows: ${node.textContent}`);
  document.documentElement.dataset.probed = wrong.length ? wrong.slice(0, 5).join("; ") : "well";
}
if (document.documentElement.dataset.ready) probe();
else queue.done.push(() => document.documentElement.dataset.probed || probe());
</script>
)js";

/// The page as a browser leaves it, for those who have one; the page's own checks say what went wrong.
class ReportInBrowser : public testing::TestWithParam<std::string> {
 protected:
  static Json document_of(const std::string& name) {
    if (name == "front")
      return document(made_study(200, 2), "THE SOFTWARE IS PROVIDED \"AS IS\", <b>express</b> or implied");
    if (name == "none") return document(made_study(0, 2));
    if (name == "single") return document(made_study(150, 1));
    if (name == "three") return document(made_study(150, 3));
    if (name == "many") return document(made_study(20000, 2));
    if (name == "hostile") return hostile_study();
    if (name == "limits") return limits_study();
    if (name == "extreme") return extreme_study();
    if (name == "well") {  // nothing failed and nothing was reused: columns that no trial fills are left out
      Json data = document(made_study(60, 2));
      for (const char* column : {"cause", "reason", "same_as"}) data["trials"][column] = nullptr;
      return data;
    }
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
  const Json data = document_of(GetParam());
  const std::string page = report_page(data);
  EXPECT_LT(page.size(), 6000000u);
  // HONE_REPORT_PAGES names a folder in which the pages stay, to be looked at.
  const char* kept = std::getenv("HONE_REPORT_PAGES");
  const std::string folder = kept ? std::string(kept) + "/" : testing::TempDir();
  const std::string path = folder + "hone_report_" + GetParam() + ".html", said = path + ".log";
  std::string probed = page;
  probed.insert(probed.rfind("</body>"), kProbe);
  std::ofstream(path, std::ios::binary) << probed;
  if (run("command -v chromium").empty()) GTEST_SKIP() << "chromium is not installed";
  const std::string profile = path + ".profile";
  const std::string dom = run(fmt::format(
      "timeout 100 chromium --headless --no-sandbox --disable-gpu --disable-quic "
      "--no-first-run --disable-background-networking --enable-logging=stderr "
      "--disable-component-update --disable-sync --user-data-dir='{}' --virtual-time-budget=20000 "
      "--dump-dom 'file://{}' 2>'{}'; rm -rf '{}'",
      profile, path, said, profile));
  const std::string console = run(fmt::format("grep CONSOLE '{}'; rm -f '{}'", said, said));
  if (!kept) std::remove(path.c_str());
  ASSERT_NE(dom.find("</html>"), std::string::npos) << "the browser gave no document";
  EXPECT_EQ(console, "");
  const auto body = dom.find("<body");
  EXPECT_NE(dom.find("id=\"problem\" class=\"notice\" role=\"alert\" hidden", body), std::string::npos)
      << dom.substr(dom.find("id=\"problem\"", body), 300);
  // What the page says of itself once all is drawn.
  const std::string root = dom.substr(0, dom.find('>', dom.find("<html")));
  const int held = data.contains("trials") ? data["trials"].value("rows", 0) : 0;
  for (const std::string& mark :
       {std::string("data-ready=\"yes\""), std::string("data-errors=\"0\""),
        std::string("data-probed=\"well\""), fmt::format("data-trials=\"{}\"", held)})
    EXPECT_NE(root.find(mark), std::string::npos) << mark << " in " << root;
  EXPECT_NE(dom.find("Written by hone"), std::string::npos);
  EXPECT_EQ(dom.find("<title>broken"), std::string::npos);
  if (GetParam() == "front") {
    // Front, history, hypervolume, seven parameters, parallel coordinates, costs, curves, rungs, and sparks.
    EXPECT_GE(occurrences(dom, "<canvas"), 14);
    EXPECT_NE(dom.find("200 trials in "), std::string::npos);
    EXPECT_NE(dom.find("mostly "), std::string::npos) << "what beat the defaults";
    for (const char* section : {"gains", "front", "history", "effects", "parallel", "costs", "curves",
                                "trials", "saved", "failures", "sample"})
      EXPECT_NE(dom.find(fmt::format("href=\"#{}\"", section)), std::string::npos) << section;
  }
  if (GetParam() == "many") {
    EXPECT_EQ(held, 20000);
    EXPECT_LT(occurrences(dom, "<tr"), 300) << "only rows in sight may exist";
  }
  if (GetParam() == "none") {
    EXPECT_NE(dom.find("No trials yet."), std::string::npos);
  }
  if (GetParam() == "limits") {
    EXPECT_NE(dom.find("All 40 results break a limit."), std::string::npos);
    EXPECT_EQ(dom.find(">No trial"), std::string::npos);
    EXPECT_NE(dom.find("outside the limits, or failed", dom.find("id=\"history-caption\"")),
              std::string::npos);
  }
  if (GetParam() == "extreme") {
    EXPECT_NE(dom.find("The hypervolume is beyond the numbers"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(Pages, ReportInBrowser,
                         testing::Values("front", "none", "single", "three", "many", "hostile", "well",
                                         "empty", "limits", "extreme"),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace hone::run
