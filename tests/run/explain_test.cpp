#include "hone/run/explain.h"

#include <gtest/gtest.h>

#include "../program.h"
#include "hone/run/process.h"
#include "hone/run/supervisor.h"

namespace hone::run {
namespace {

const std::string kStudy = R"([study]
minimize = ["f1", "f2"]

[task]
kind = "function"
function = "zdt1"

[space]
a = { real = [0.0, 1.0] }
b = { real = [1e-4, 1.0], log = true, resolution = 0.1 }
n = { int = [1, 100], step = 30 }
mixer = { list = 3, choice = ["x", "it's \"y\""] }
more = { int = [32, 1024], log = true, when = "'x' in mixer" }
tied = { flag = true }
where = ["a < 0.9 or tied"]

[limits]
f2 = { max = 5, min = 0.0 }

[search]
searcher = "tpe"
scheduler = { kind = "asha", steps = [1, 9] }
)";

const Json* section(const Json& all, const std::string& name) {
  for (const auto& one : all["sections"])
    if (one["name"] == name) return &one;
  return nullptr;
}

const Json* setting(const Json& all, const std::string& where, const std::string& key) {
  const Json* in = section(all, where);
  if (in == nullptr) return nullptr;
  for (const auto& one : (*in)["settings"])
    if (one["key"] == key) return &one;
  return nullptr;
}

TEST(Explain, SaysWhereEveryValueComesFrom) {
  const StudyFile file = StudyFile::parse(kStudy, "/nowhere/s.toml");
  const Json all = explain_json(file, {.store_url = "", .workers = 3, .trials = 50, .time_s = {}});
  const auto from = [&](const std::string& where, const std::string& key) {
    const Json* one = setting(all, where, key);
    return one == nullptr ? "missing" : (*one)["from"].get<std::string>();
  };
  EXPECT_EQ(from("study", "minimize"), "line 2");
  EXPECT_EQ(from("study", "name"), "default");
  EXPECT_EQ((*setting(all, "study", "name"))["value"], "s");
  EXPECT_EQ(from("study", "seed"), "default");
  EXPECT_EQ(from("task", "function"), "line 6");
  EXPECT_EQ(from("task", "step_s"), "default");
  EXPECT_EQ(from("space", "more"), "line 13");
  EXPECT_EQ(from("limits", "f2"), "line 18");
  EXPECT_EQ(from("search.searcher", "kind"), "line 21");
  EXPECT_EQ(from("search.searcher", "n_startup"), "default");
  EXPECT_EQ(from("search.scheduler", "steps"), "line 22");
  EXPECT_EQ(from("search.scheduler", "eta"), "default");
  EXPECT_EQ(from("search", "identity"), "default");
  EXPECT_EQ(from("budget", "workers"), "--workers");
  EXPECT_EQ(from("budget", "trials"), "--trials");
  EXPECT_EQ((*setting(all, "budget", "trials"))["value"], 50);
  EXPECT_TRUE((*setting(all, "budget", "time"))["value"].is_null());
  EXPECT_EQ((*setting(all, "budget", "failures"))["value"], 20);
  EXPECT_EQ((*section(all, "search.searcher"))["paper"], methods().need("searcher", "tpe").info.paper);
  EXPECT_EQ(all["rungs"], Json({1, 3, 9}));
  EXPECT_EQ(all["store"]["url"], "sqlite:/nowhere/s.hone/study.sqlite");
  EXPECT_EQ(all["resume"]["exists"], false);
  ASSERT_EQ(all["space"]["parameters"].size(), 8u);
  EXPECT_EQ(all["space"]["constraints"], Json({"a < 0.9 or tied"}));
  EXPECT_TRUE(all["space"]["cardinality"].is_null()) << "a real without resolution";
}

TEST(Explain, RemarksOnWhatWasReadOtherwise) {
  std::string text = kStudy;
  const StudyFile file = StudyFile::parse(text, "/nowhere/s.toml");
  bool remarked = false;
  for (const auto& parameter : file.space.parameters()) remarked = remarked || !parameter.remark.empty();
  ASSERT_TRUE(remarked) << "100 is not on the grid of n";
  const std::string shown = explain_text(file, {});
  for (const auto& parameter : file.space.parameters())
    if (!parameter.remark.empty()) {
      EXPECT_NE(shown.find(parameter.remark), std::string::npos) << parameter.remark;
    }
}

/// Every option of every method that a study file can choose, with every searcher and scheduler.
TEST(Explain, NamesEveryOptionOfTheMethodsInUse) {
  const auto in_text = [](const StudyFile& file, const std::string& kind, const std::string& name) {
    const std::string text = explain_text(file, {});
    for (const auto& option : methods().need(kind, name).info.options) {
      EXPECT_TRUE(text.find("\n" + option.name + " = ") != std::string::npos ||
                  text.find("\n# " + option.name + ": ") != std::string::npos)
          << kind << " " << name << ": " << option.name << "\n"
          << text;
      EXPECT_NE(text.find(option.summary), std::string::npos) << option.name;
    }
  };
  int checked = 0;
  for (const auto& [kind, was] : {std::pair<std::string, std::string>{"searcher", "\"tpe\""},
                                  {"scheduler", "{ kind = \"asha\", steps = [1, 9] }"}})
    for (const auto& name : methods().names(kind)) {
      std::string text = kStudy;
      std::string is = "{ kind = \"" + name + "\"";
      for (const auto& option : methods().need(kind, name).info.options)
        if (option.fallback.is_null() && !option.optional)
          is += ", " + option.name +
                (option.type == OptionSpec::Type::integers && name != "fixed" ? " = [1, 9]" : " = 4");
      text.replace(text.find(was), was.size(), is + " }");
      StudyFile file;
      try {
        file = StudyFile::parse(text, "/nowhere/s.toml");
      } catch (const Error&) {
        continue;  // a method that this little study cannot have
      }
      in_text(file, kind, name);
      ++checked;
    }
  EXPECT_GE(checked, 5);
  in_text(StudyFile::parse(kStudy, "/nowhere/s.toml"), "task", "function");
}

TEST(Explain, SaysWhereATaskThatReportsNothingIsJudged) {
  const StudyFile file = StudyFile::parse(
      "[study]\nminimize = \"value\"\n[task]\nkind = \"function\"\nfunction = \"branin_fidelity\"\n"
      "[search]\nscheduler = { kind = \"median\", steps = 100, every = 25 }\n",
      "/nowhere/s.toml");
  EXPECT_NE(explain_text(file, {}).find("trials are measured and judged at 25, 50, 75 steps"),
            std::string::npos);
}

TEST(Explain, ItsTextIsTheSameStudy) {
  const std::string lm =
      "[study]\nmaximize = []\nminimize = [\"bits_per_char\"]\n[task]\nkind = \"text\"\ndata = "
      "\"d.txt\"\n[space]\n"
      "mixer = { list = 2, choice = [\"attention\", \"none\"] }\nlr = { real = [1e-4, 1e-2], log = true }\n"
      "[search]\nscheduler = { kind = \"fixed\", steps = 5 }\n[budget]\ntime = \"1.5 h\"\n";
  const std::string brought = "[study]\nminimize = \"value\"\n[task]\nkind = \"function\"\n";
  for (const std::string& text : {kStudy, lm, brought}) {
    const StudyFile file = StudyFile::parse(text, "/nowhere/s.toml");
    const std::string shown = explain_text(file, {});
    const StudyFile again = StudyFile::parse(shown, "/nowhere/s.toml");
    EXPECT_EQ(again.differences(file).accepted, std::vector<std::string>{}) << shown;
    EXPECT_EQ(again.differences(file).refused, std::vector<std::string>{}) << shown;
    EXPECT_EQ(again.name, file.name);
    EXPECT_EQ(again.space.key(), file.space.key());
    EXPECT_EQ(again.budget.time_s, file.budget.time_s);
    EXPECT_EQ(again.task_options.json().dump(), file.task_options.json().dump());
  }
}

TEST(Explain, SaysWhatTheNextSearchFinds) {
  const test::Folder folder;
  std::string text = kStudy;
  text += "[budget]\ntrials = 5\nworkers = 1\n";
  folder.write("s.toml", text);
  ASSERT_EQ(test::Program(folder, {"search", "s.toml", "--quiet"}).status(), 0);
  test::Program program(folder, {"search", "s.toml", "--explain", "--json"});
  ASSERT_EQ(program.status(), 0) << program.err();
  const Json same = Json::parse(program.out());
  EXPECT_EQ(same["resume"]["trials"], 5);
  EXPECT_EQ(same["resume"]["accepted"], Json::array());
  EXPECT_EQ(same["resume"]["refused"], Json::array());
  const auto range = text.find("0.0, 1.0");
  text.replace(range, 8, "0.0, 2.0");
  folder.write("s.toml", text);
  test::Program wider(folder, {"search", "s.toml", "--explain"});
  EXPECT_NE(wider.out().find("hone search goes on with it, with what has changed: space: a"),
            std::string::npos)
      << wider.out();
  text.replace(range, 8, "0.5, 1.0");
  folder.write("s.toml", text);
  test::Program changed(folder, {"search", "s.toml", "--explain"});
  ASSERT_EQ(changed.status(), 0) << changed.err();
  EXPECT_NE(changed.out().find("hone search refuses"), std::string::npos) << changed.out();
  test::Program none(folder, {"search", "s.toml", "--explain", "--store", "sqlite:new.sqlite"});
  ASSERT_EQ(none.status(), 0) << none.err();
  EXPECT_NE(none.out().find("hone search begins one"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder.file("new.sqlite"))) << "explaining writes nothing";
}

std::string about(const Json& all, const std::string& where, const std::string& key) {
  const Json* one = setting(all, where, key);
  return one == nullptr ? "missing" : (*one)["about"].get<std::string>();
}

StudyFile with_space(const std::string& space, const std::string& task = "kind = \"function\"") {
  return StudyFile::parse("[study]\nminimize = [\"value\"]\n[task]\n" + task + "\n" + space,
                          "/nowhere/s.toml");
}

TEST(Explain, TellsUnlikeParametersOfOneKeyApart) {
  const StudyFile file = with_space(R"([space]
x = { real = [0, 1] }
y = { real = [0, 1] }
same = { list = 3, int = [1, 8] }
layers = { list = [1, 4], choice = ["a", "b", "c"] }
[space.blocks]
list = [1, 2]
width = { int = [16, 256], step = 16 }
norm = "flag"
)");
  const Json all = explain_json(file, {});
  EXPECT_EQ(about(all, "space", "x"), file.space.parameter(0).shown());
  const auto shown = [&](const char* name) { return file.space.parameter(*file.space.index(name)).shown(); };
  EXPECT_EQ(about(all, "space", "same"), "same.0 to same.2, each " + shown("same.0") + "; 8 values");
  EXPECT_EQ(about(all, "space", "layers"), "layers.length: " + shown("layers.length") +
                                               "; 4 values; layers.0 to layers.3, each " + shown("layers.0") +
                                               "; 3 values");
  EXPECT_EQ(about(all, "space", "blocks"),
            "blocks.length: " + shown("blocks.length") +
                "; 2 values; blocks.0.width to blocks.1.width, each " + shown("blocks.0.width") +
                "; 16 values; blocks.0.norm to blocks.1.norm, each " + shown("blocks.0.norm") + "; 2 values");
}

TEST(Explain, SaysEachOnlyOfWhatIsAlike) {
  const StudyFile file = with_space(R"([space]
x = { real = [0, 1] }
y = { real = [0, 1] }
[space.net]
sequence = [{ module = "a", n = { int = [1, 4] } }, { module = "b", n = { int = [1, 8] } }, { module = "c", n = { int = [1, 4] } }, { module = "d", n = { int = [1, 4] } }]
)");
  const auto shown = [&](const char* name) { return file.space.parameter(*file.space.index(name)).shown(); };
  EXPECT_EQ(about(explain_json(file, {}), "space", "net"),
            "net.0.n: " + shown("net.0.n") + "; 4 values; net.1.n: " + shown("net.1.n") +
                "; 8 values; net.2.n to net.3.n, each " + shown("net.2.n") + "; 4 values");
}

TEST(Explain, CountsTheConfigsThatTheConstraintsLeave) {
  const auto size = [](const std::string& space) {
    const Json all = explain_json(
        with_space(
            "[space]\nx = { real = [0, 1], resolution = 0.5 }\ny = { real = [0, 0], resolution = 0.5 }\n" +
            space),
        {});
    return (*section(all, "space"))["about"].get<std::string>();
  };
  EXPECT_EQ(size("n = { int = [1, 10] }\n"), "3 parameters, 30 configs");
  EXPECT_EQ(size("n = { int = [1, 10] }\nwhere = [\"n > 8\", \"x < 0.4\"]\n"), "3 parameters, 2 configs");
  EXPECT_EQ(size("n = { int = [1, 10] }\nwhere = [\"n > 9 and x > 0.7\"]\n"), "3 parameters, 1 config");
  // Too much work to count: a bound is said to be one.
  std::string many;
  for (int i = 0; i < 12; ++i) many += fmt::format("n{} = {{ int = [1, 17] }}\n", i);
  many += "where = [\"(n0*n1 + n2*n3 + n4*n5 + n6*n7 + n8*n9 + n10*n11) % 7 == 3\"]\n";
  EXPECT_EQ(size(many), "14 parameters, at most 1747866711689283 configs (constraints leave fewer)");
  EXPECT_EQ(size("free = { real = [0, 1] }\n"), "3 parameters, too many configs to count");
}

TEST(Explain, SaysHowManyWorkersTheMachineHasRoomFor) {
  const auto cores = static_cast<std::int64_t>(usable_cores().size());
  const std::string space = "[space]\nx = { real = [0, 1] }\n";
  const auto workers = [&](const std::string& more) {
    const StudyFile file = with_space(space, "kind = \"command\"\nrun = [\"true\"]\n" + more);
    return about(explain_json(file, {}), "budget", "workers");
  };
  EXPECT_EQ(workers(""), fmt::format("one a core: {} here", cores));
  EXPECT_EQ(workers("cores = 2\n"),
            cores >= 2 ? fmt::format("one for every 2 cores: {} here", cores / 2)
                       : "one for every 2 cores: none here, a trial needs 2 cores, and there are 1");
  EXPECT_EQ(
      workers("cores = 1000\n"),
      fmt::format("one for every 1000 cores: none here, a trial needs 1000 cores, and there are {}", cores));
}

}  // namespace
}  // namespace hone::run
