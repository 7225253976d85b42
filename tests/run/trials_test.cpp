#include "hone/run/trials.h"

#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/run/front_text.h"
#include "hone/run/given_config.h"
#include "hone/run/optimizer.h"
#include "hone/run/trial_edits.h"
#include "hone/run/worker.h"

namespace hone::run {
namespace {

using space::Space;
using study::Record;
using study::Study;
using study::TrialState;

constexpr const char* kFile =
    "[study]\nminimize = [\"f1\", \"f2\"]\n[task]\nkind = \"function\"\nfunction = \"zdt1\"\n[space]\n"
    "a = { real = [0, 1] }\nb = { real = [0, 1] }\nn = { int = [8, 64], step = 8 }\n"
    "mixer = [\"attention\", \"a, \\\"quoted\\\" one\"]\ntokens = { choice = [16, 32], when = \"mixer == "
    "'attention'\" }\nlayers = { list = 2, choice = [\"x\", \"y\"] }\nwhere = [\"n >= 16\"]\n"
    "[search]\nsearcher = \"random\"\nscheduler = { kind = \"fixed\", steps = 9 }\n";

/// A study of some trials in each state, in memory.
struct Sample {
  StudyFile file = StudyFile::parse(kFile, "/x/s.toml");
  std::shared_ptr<study::Store> store = study::open_store("memory:");

  Sample() {
    Study::create(*store, file.header());
    Study study(store);
    study.sync();
    for (std::int64_t i = 0; i < 40; ++i) {
      const bool attention = i % 2 == 0;
      std::vector<space::Config::Entry> entries{
          {"a", static_cast<double>(i) / 64.0},
          {"b", 0.5},
          {"n", std::int64_t{16}},
          {"mixer", std::string(attention ? "attention" : "a, \"quoted\" one")}};
      if (attention) entries.emplace_back("tokens", std::int64_t{32});
      entries.emplace_back("layers.0", std::string("x"));
      entries.emplace_back("layers.1", std::string("y"));
      study.commit({study::TrialRecord{i, file.space.canonical(space::Config(entries)),
                                       i < 30 ? "random" : "tpe", 3}});
      if (i == 39) continue;  // waits
      study.commit({study::StartRecord{i, 1, "w0.1", 9}});
      if (i == 38) continue;  // runs
      study::EndRecord end;
      end.trial = i;
      end.attempt = 1;
      end.spent_s = 0.25 * static_cast<double>(i);
      if (i % 5 == 4) {
        end.state = TrialState::failed;
        end.reason = "it said:\n\"no\", and died";
        end.cause = i % 2 == 0 ? "time" : "nan";
        study.commit({end});
      } else {
        study.commit(
            {study::ResultRecord{
                 i, 1, {9, {{"f1", static_cast<double>(i)}, {"f2", 40.0 - static_cast<double>(i % 7)}}}},
             end});
      }
    }
  }
};

std::vector<std::int64_t> chosen(Study& study, const TrialFilter& filter, std::int64_t limit = 100) {
  return choose_trials(study, filter, limit).ids;
}

TEST(Trials, AreChosenAlikeFromWholeAndLightStudies) {
  const Sample sample;
  Study whole(sample.store), light(sample.store, Study::Depth::light);
  whole.sync();
  whole.save_views();
  light.sync();
  ASSERT_TRUE(light.light());
  std::vector<TrialFilter> filters(8);
  filters[1].states = {TrialState::failed};
  filters[2].states = {TrialState::failed};
  filters[2].causes = {"time"};
  filters[3].origin = "tpe";
  filters[4].where = space::Expression::parse("mixer == 'attention' and f1 >= 20", {});
  filters[5].sort = "-spent_s";
  filters[6].front = true;
  filters[7].where = space::Expression::parse("tokens == 32 and 'y' in layers", {});
  filters[7].sort = "f2";
  for (const TrialFilter& filter : filters)
    for (const std::int64_t limit : {0, 1, 7, 100}) {
      const TrialChoice a = choose_trials(whole, filter, limit), b = choose_trials(light, filter, limit);
      EXPECT_EQ(a.ids, b.ids);
      EXPECT_EQ(a.matching, b.matching);
      EXPECT_LE(a.ids.size(), static_cast<std::size_t>(limit));
    }
  EXPECT_EQ(chosen(light, filters[0], 3), (std::vector<std::int64_t>{39, 38, 37}));
  EXPECT_EQ(choose_trials(light, filters[0], 3).matching, 40);
  EXPECT_EQ(chosen(light, filters[1]).size(), 7u);
  EXPECT_EQ(chosen(light, filters[2]), (std::vector<std::int64_t>{34, 24, 14, 4}));
  EXPECT_EQ(chosen(light, filters[3]).size(), 10u);
  EXPECT_EQ(chosen(light, filters[4]), (std::vector<std::int64_t>{36, 32, 30, 28, 26, 22, 20}));
  EXPECT_EQ(chosen(light, filters[5], 2), (std::vector<std::int64_t>{37, 36}));
  EXPECT_EQ(chosen(light, filters[6]).front(), whole.front().members().front().trial);
  const auto sorted = chosen(light, filters[7]);
  ASSERT_EQ(sorted.size(), 20u);
  EXPECT_EQ(light.trial(sorted.front()).last()->measures.find("f2"), 34.0);
  EXPECT_EQ(light.trial(sorted.back()).last(), nullptr) << "what lacks it comes last";
}

TEST(Trials, RefuseFiltersThatNameNothing) {
  const Sample sample;
  Study study(sample.store);
  study.sync();
  TrialFilter filter;
  filter.where = space::Expression::parse("lr > 1", {});
  EXPECT_THROW(check_filter(filter, study, sample.file), Error);
  filter.where = space::Expression::parse("f1 > 1 and count(layers, 'x') == 1 and id > 3", {});
  filter.sort = "-origin";
  EXPECT_NO_THROW(check_filter(filter, study, sample.file));
  filter.sort = "speed";
  EXPECT_THROW(check_filter(filter, study, sample.file), Error);
}

TEST(Trials, RefuseCausesAndOriginsThatAreNone) {
  const Sample sample;
  Study study(sample.store, Study::Depth::light);
  study.sync();
  const auto refusal = [&](const TrialFilter& filter) -> std::string {
    try {
      check_filter(filter, study, sample.file);
    } catch (const Error& error) {
      return error.what();
    }
    return "taken";
  };
  TrialFilter filter;
  filter.causes = {"time", "memory"};
  EXPECT_EQ(refusal(filter), "taken") << "no trial ran out of memory, but one could have";
  filter.causes = {"time", "tim"};
  EXPECT_EQ(refusal(filter),
            "--cause: no trial has the cause 'tim'; did you mean 'time'? this study has: nan, time");
  filter.causes = {};
  for (const char* known : {"tpe", "gp", "user", "default", "try", "replicate"}) {
    filter.origin = known;
    EXPECT_EQ(refusal(filter), "taken") << known;
  }
  filter.origin = "randm";
  EXPECT_EQ(refusal(filter),
            "--origin: no trial comes from 'randm'; did you mean 'random'? this study has: random, tpe");
  // Words of its own.
  Rng rng(1, "origin");
  study.commit({study::TrialRecord{40, sample.file.space.sample(rng), "by_hand", 3},
                study::StartRecord{40, 1, "w0.1", 9}});
  study::EndRecord end;
  end.trial = 40;
  end.attempt = 1;
  end.state = TrialState::failed;
  end.cause = "licence";
  study.commit({end});
  filter.origin = "by_hand";
  filter.causes = {"licence"};
  EXPECT_EQ(refusal(filter), "taken");
}

TEST(Trials, OfTheFrontAreChosenByWhatIsShown) {
  const StudyFile file = StudyFile::parse(kFile, "/x/s.toml");
  const auto store = study::open_store("memory:");
  Study::create(*store, file.header());
  Study study(store);
  study.sync();
  Rng rng(1, "configs");
  const space::Config twice = file.space.sample(rng), once = file.space.sample(rng);
  const auto evaluated = [&](const study::TrialRecord& record, double f1, double f2) {
    study::EndRecord end;
    end.trial = record.trial;
    end.attempt = 1;
    study.commit({record, study::StartRecord{record.trial, 1, "w0.1", 9},
                  study::ResultRecord{record.trial, 1, {9, {{"f1", f1}, {"f2", f2}}}}, end});
  };
  evaluated({0, twice, "random", 3}, 1.0, 2.0);
  evaluated({1, once, "random", 3}, 1.5, 3.0);
  evaluated({2, twice, "replicate", 4, 0, 0, 1}, 3.0, 2.0);
  TrialFilter filter;
  filter.front = true;
  filter.shown = std::make_shared<Shown>(study);
  ASSERT_EQ(filter.shown->measures(0).find("f1"), 2.0) << "the mean of its own and its replicate's";
  filter.sort = "f1";
  EXPECT_EQ(chosen(study, filter), (std::vector<std::int64_t>{1, 0}));
  filter.sort = "-f1";
  EXPECT_EQ(chosen(study, filter), (std::vector<std::int64_t>{0, 1}));
  filter.sort = "";
  filter.where = space::Expression::parse("f1 >= 1.8", {});
  EXPECT_EQ(chosen(study, filter), std::vector<std::int64_t>{0});
  filter.shown = nullptr;
  EXPECT_TRUE(chosen(study, filter).empty()) << "without it a trial's own last result counts";
}

TEST(Trials, FiltersKnowWhatAProgramReported) {
  const StudyFile file = StudyFile::parse(
      "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"command\"\nrun = \"sh\"\n[space]\na = [1, 2]\n"
      "[search]\nscheduler = { kind = \"fixed\", steps = 1 }\n",
      "/x/c.toml");
  const auto store = study::open_store("memory:");
  Study::create(*store, file.header());
  Study study(store);
  study.sync();
  TrialFilter filter;
  filter.where = space::Expression::parse("lr_used > 0 and loss > 0", {});
  filter.sort = "lr_used";
  EXPECT_NO_THROW(check_filter(filter, study, file)) << "nobody knows yet what it reports";
  study.commit({study::TrialRecord{0, space::Config({{"a", std::int64_t{1}}}), "random", 3},
                study::StartRecord{0, 1, "w0.1", 1},
                study::ResultRecord{0, 1, {1, {{"loss", 1.0}, {"lr_used", 0.1}}}}});
  EXPECT_NO_THROW(check_filter(filter, study, file));
  filter.where = {};
  filter.sort = "lr_usd";
  try {
    check_filter(filter, study, file);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'lr_used'?"), std::string::npos) << error.what();
  }
  filter.sort = "";
  filter.where = space::Expression::parse("lrr > 0", {});
  EXPECT_THROW(check_filter(filter, study, file), Error);
}

/// A reader of RFC 4180, written for this test.
std::vector<std::vector<std::string>> read_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, std::vector<std::string>(1));
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string& cell = rows.back().back();
    if (quoted) {
      if (text[i] != '"')
        cell += text[i];
      else if (i + 1 < text.size() && text[i + 1] == '"')
        cell += text[i++];
      else
        quoted = false;
    } else if (text[i] == '"') {
      quoted = true;
    } else if (text[i] == ',') {
      rows.back().emplace_back();
    } else if (text[i] == '\r' && text[i + 1] == '\n') {
      ++i;
      rows.emplace_back(1);
    } else {
      cell += text[i];
    }
  }
  rows.pop_back();  // after the last line's end
  return rows;
}

TEST(Trials, AreWhatTheyWereAfterCsv) {
  const Sample sample;
  Study study(sample.store, Study::Depth::light);
  study.sync();
  std::string text;
  export_csv(study, sample.file, {}, [&](std::string_view part) { text += part; });
  const auto rows = read_csv(text);
  ASSERT_EQ(rows.size(), 41u);
  const auto& names = rows.front();
  const auto cell = [&](std::size_t row, const std::string& name) {
    const auto at = std::find(names.begin(), names.end(), name);
    return at == names.end() ? std::string("no column")
                             : rows[row][static_cast<std::size_t>(at - names.begin())];
  };
  for (std::size_t row = 1; row < rows.size(); ++row) {
    const study::Trial& trial = study.trial(static_cast<std::int64_t>(row) - 1);
    ASSERT_EQ(rows[row].size(), names.size());
    EXPECT_EQ(cell(row, "state"), state_name(trial.state));
    EXPECT_EQ(cell(row, "reason"), trial.reason);
    EXPECT_EQ(cell(row, "cause"), trial.cause);
    EXPECT_EQ(std::stod(cell(row, "spent_s")), trial.spent_s);
    std::vector<space::Config::Entry> entries;
    for (const auto& parameter : sample.file.space.parameters())
      if (const std::string value = cell(row, parameter.name); !value.empty())
        for (auto& entry : parse_assignment(sample.file.space, parameter.name + "=" + value))
          entries.push_back(std::move(entry));
    EXPECT_EQ(config_of(sample.file.space, entries), trial.config);
    const auto* last = trial.last();
    EXPECT_EQ(cell(row, "f1"), last == nullptr ? "" : real_text(*last->measures.find("f1")) + ".0");
  }
}

TEST(Trials, OldOnesHaveTheDefaultsOfNewParameters) {
  const Sample sample;
  std::string text = kFile;
  text.insert(text.find("where ="), "y = { int = [1, 3], default = 2 }\n");
  const StudyFile wider = StudyFile::parse(text, "/x/s.toml");
  EXPECT_FALSE(open_study_of(sample.store, Study::Depth::light).study->trial(0).config.has("y"));
  Study(sample.store).commit({wider.revision({"space: y is new"})});
  for (const auto depth : {Study::Depth::light, Study::Depth::whole}) {
    const OpenedStudy opened = open_study_of(sample.store, depth);
    Study& study = *opened.study;
    EXPECT_EQ(study.light(), depth == Study::Depth::light);
    EXPECT_EQ(trial_json(study, study.trial(3))["config"]["y"], 2);
    EXPECT_NE(trial_text(study, opened.file, study.trial(3)).find("y "), std::string::npos);
    TrialFilter filter;
    filter.where = space::Expression::parse("y == 2", {});
    EXPECT_EQ(choose_trials(study, filter, 100).matching, 40);
    std::string table;
    export_csv(study, opened.file, {}, [&](std::string_view part) { table += part; });
    const auto rows = read_csv(table);
    const auto at = std::find(rows[0].begin(), rows[0].end(), "y") - rows[0].begin();
    for (std::size_t row = 1; row < rows.size(); ++row)
      EXPECT_EQ(rows[row].at(static_cast<std::size_t>(at)), "2");
    for (const Json& member : front_json(study, opened.file)) EXPECT_EQ(member["config"]["y"], 2);
    EXPECT_NE(front_text(study, opened.file).find(" y=2"), std::string::npos)
        << front_text(study, opened.file);
  }
}

/// A task whose measures have names that a table has already.
class OddlyNamed final : public task::Task {
 public:
  std::vector<task::MeasureInfo> measures() const override {
    return {{"loss", ""}, {"fidelity", ""}, {"state", ""}};
  }
  std::string fidelity_unit() const override { return "steps"; }
  void check(const Space&) const override {}
};

TEST(Trials, NoColumnStandsTwice) {
  StudyFile file;
  file.task = std::make_shared<OddlyNamed>();
  file.space = Space::Builder().real("loss", 0, 1).real("trial", 0, 1).real("measure.state", 0, 1).build();
  study::StudyRecord header;
  header.objectives = {{"loss"}};
  const auto store = study::open_store("memory:");
  Study::create(*store, header);
  Study study(store);
  study.sync();
  std::string text;
  export_csv(study, file, {}, [&](std::string_view part) { text += part; });
  const auto names = read_csv(text).front();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  for (const char* name : {"loss", "parameter.loss", "parameter.trial", "fidelity", "measure.fidelity",
                           "state", "measure.state", "parameter.measure.state"})
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
}

TEST(Trials, AreWhatTheyWereAfterJsonLines) {
  const Sample sample;
  Study study(sample.store, Study::Depth::light);
  study.sync();
  std::string text;
  TrialFilter filter;
  filter.states = {TrialState::completed};
  export_jsonl(study, filter, [&](std::string_view part) { text += part; });
  std::istringstream lines(text);
  std::string line;
  std::int64_t n = 0;
  for (; std::getline(lines, line); ++n) {
    const Json json = Json::parse(line);
    const study::Trial& trial = study.trial(json.at("trial"));
    EXPECT_EQ(space::Config::from_json(json.at("config")), trial.config);
    EXPECT_EQ(study::Measures::from_json(json.at("results").at(0).at("measures")), trial.last()->measures);
  }
  EXPECT_EQ(n, study.count(TrialState::completed));
}

TEST(TrialEdits, MakeConfigsFromWhatIsGiven) {
  const Space space = Space::Builder()
                          .real("lr", 1e-4, 1e-1, {.log = true, .fallback = 0.01})
                          .integer("width", 32, 128, {.step = 32})
                          .choice("mixer", {Value("a"), Value("b")}, {.fallback = Value("a")})
                          .integer("tokens", 1, 9, {.when = "mixer == 'b'"})
                          .list("layers", 1, 3, {Value("x"), Value("y")})
                          .flag("tied", "", true)
                          .where("width != 96")
                          .build();
  const auto given = [&](std::vector<std::string> words, const space::Config& base = {}) {
    std::vector<space::Config::Entry> entries;
    for (const auto& word : words)
      for (auto& entry : parse_assignment(space, word)) entries.push_back(std::move(entry));
    return config_of(space, entries, base).shown();
  };
  EXPECT_EQ(given({"width=64", "layers=x,y"}),
            "lr=0.01 width=64 mixer=a layers.length=2 layers.0=x layers.1=y tied=true");
  EXPECT_EQ(given({"width=32", "mixer=b", "tokens=3", "layers=y", "tied=false", "lr=0.1"}),
            "lr=0.1 width=32 mixer=b tokens=3 layers.length=1 layers.0=y tied=false");
  const auto base = config_of(space, parse_assignments(space, Json::parse(R"({"width":64,"layers":["x"]})")));
  EXPECT_EQ(given({"lr=0.02"}, base), "lr=0.02 width=64 mixer=a layers.length=1 layers.0=x tied=true");
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"layers=x"},                          // width is missing
                                             {"width=40", "layers=x"},              // off its grid
                                             {"width=256", "layers=x"},             // out of range
                                             {"width=96", "layers=x"},              // against the constraint
                                             {"width=64", "layers=x", "tokens=3"},  // does not apply
                                             {"width=64", "layers=x", "mixer=b"},   // tokens is missing
                                             {"width=64", "layers=x,z"},            // no value
                                             {"width=64", "layers=x", "lr=big"},
                                             {"width=64", "layers=x", "depth=3"},
                                             {"width=64", "width=32", "layers=x"},
                                             {"width", "layers=x"}})
    EXPECT_THROW(given(wrong), Error) << wrong.front();
}

TEST(TrialEdits, RefuseWhatTheSpaceLacksAndNameTheNearest) {
  const Space space =
      Space::Builder()
          .real("grid", 0, 1, {.resolution = 0.1})
          .real("ratio", 1e-4, 1e-1, {.log = true, .resolution = 0.5})
          .real("free", 0, 1)
          .integer("width", 32, 128, {.step = 32})
          .choice("heads", {Value(std::int64_t{1}), Value(std::int64_t{2}), Value(std::int64_t{8})})
          .choice("mixer", {Value("attention"), Value("none")})
          .build();
  const auto given = [&](const std::string& word, std::vector<std::string>* rounded = nullptr) {
    std::vector<space::Config::Entry> entries;
    std::set<std::string> named;
    for (const std::string& one :
         {word, std::string("grid=0.5"), std::string("ratio=0.00015"), std::string("free=0.5"),
          std::string("width=64"), std::string("heads=2"), std::string("mixer=none")})
      if (named.insert(one.substr(0, one.find('='))).second)
        for (auto& entry : parse_assignment(space, one)) entries.push_back(std::move(entry));
    return config_of(space, entries, {}, rounded).shown();
  };
  const auto refusal = [&](const std::string& word) {
    try {
      return "taken: " + given(word);
    } catch (const Error& error) {
      return error.hint();
    }
  };
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"grid=1.5", "the nearest is 1"},    {"width=50", "the nearest is 64"},
      {"width=40.5", "the nearest is 32"}, {"width=1000", "the nearest is 128"},
      {"heads=4", "the nearest is 2"},     {"mixer=atention", "attention"}};
  for (const auto& [word, nearest] : wrong)
    EXPECT_NE(refusal(word).find(nearest), std::string::npos) << word << ": " << refusal(word);
  EXPECT_NE(given("grid=0.30000000000000004").find("grid=0.3 "), std::string::npos);
  std::vector<std::string> rounded;
  EXPECT_NE(given("grid=0.33", &rounded).find("grid=0.3 "), std::string::npos);
  EXPECT_EQ(rounded.size(), 1u);
  rounded.clear();
  EXPECT_NE(given("ratio=0.0002", &rounded).find("ratio=0.000225"), std::string::npos);
  EXPECT_EQ(rounded.size(), 1u);
  rounded.clear();
  EXPECT_NE(given("free=0.123456789", &rounded).find("free=0.123457"), std::string::npos);
  EXPECT_EQ(rounded, std::vector<std::string>{"free=0.123456789 is 0.123457"});
  rounded.clear();
  given("free=0.125", &rounded);
  EXPECT_TRUE(rounded.empty());
}

TEST(TrialEdits, EnqueueOnceAndReplicateOften) {
  const Space space = Space::Builder().integer("n", 0, 99).build();
  Optimizer optimizer({.space = space, .objectives = {{"loss"}}, .seed = 5, .searcher = "random"});
  Study study(optimizer.study().store_pointer());
  const auto config = [](std::int64_t n) { return space::Config({{"n", Value(n)}}); };
  EXPECT_EQ(enqueue(study, {config(7), config(8)}), (std::vector<std::int64_t>{0, 1}));
  EXPECT_THROW(enqueue(study, {config(9), config(7)}), Error);
  EXPECT_EQ(study.size(), 2) << "all or none";
  EXPECT_THROW(enqueue(study, {config(9), config(9)}), Error);
  EXPECT_EQ(enqueue(study, {config(7), config(7), config(9)}, true), (std::vector<std::int64_t>{2, 3, 4}));
  EXPECT_EQ(study.trial(2).of, 0);
  EXPECT_EQ(study.trial(2).replicate, 1);
  EXPECT_EQ(study.trial(3).replicate, 2);
  EXPECT_EQ(study.trial(4).of, -1);
  EXPECT_NE(study.trial(2).seed, study.trial(3).seed);
  EXPECT_EQ(study.trial(2).seed, replicate_seed(5, 0, 1));
  // The optimizer, which knew nothing of it, runs them first.
  for (std::int64_t id = 0; id < 5; ++id) {
    const auto job = optimizer.ask();
    ASSERT_TRUE(job);
    EXPECT_EQ(job->trial, id);
    EXPECT_TRUE(optimizer.tell(*job, {{"loss", 1.0}}));
  }
  EXPECT_EQ(optimizer.study().trial(0).origin, "user");
}

TEST(TrialEdits, RetryAndRemoveWhatMayBe) {
  const Sample sample;
  Study study(sample.store);
  study.sync();
  const Edited retried = retry(study, {4, 9, 9, 0, 38, 39});
  EXPECT_EQ(retried.done, (std::vector<std::int64_t>{4, 9}));
  ASSERT_EQ(retried.refused.size(), 3u);
  EXPECT_EQ(study.trial(4).state, TrialState::waiting);
  EXPECT_EQ(study.trial(4).cause, "");
  EXPECT_THROW(retry(study, {14, 400}), Error);
  EXPECT_EQ(study.trial(14).state, TrialState::failed) << "all or none where one is not there";
  const Edited removed = remove(study, {0, 38, 39});
  EXPECT_EQ(removed.done, (std::vector<std::int64_t>{0, 39}));
  ASSERT_EQ(removed.refused.size(), 1u);
  EXPECT_EQ(removed.refused[0].first, 38);
  EXPECT_EQ(study.trial(0).state, TrialState::deleted);
  EXPECT_EQ(remove(study, {0}).refused.size(), 1u);
  EXPECT_EQ(enqueue(study, {study.trial(0).config}), std::vector<std::int64_t>{40})
      << "it may be proposed again";
}

TEST(TrialEdits, KeepWhatALimitDecided) {
  auto store = study::open_store("memory:");
  study::StudyRecord header;
  header.name = "s";
  header.objectives = {{"loss"}};
  header.limits = {{"loss", 1.0, {}}};
  Study::create(*store, header);
  Study study(store);
  study.sync();
  study::EndRecord end;
  end.attempt = 1;
  end.state = TrialState::infeasible;
  end.reason = "loss is 2, over the limit of 1";
  end.cause = "limit";
  study.commit({study::TrialRecord{0, {}, "r", 1}, study::StartRecord{0, 1, "w.1", 1}, end});
  const Edited edited = retry(study, {0});
  ASSERT_EQ(edited.refused.size(), 1u);
  EXPECT_NE(edited.refused[0].second.find("over the limit of 1"), std::string::npos);
}

TEST(Trials, TellEveryAttempt) {
  auto store = study::open_store("memory:");
  Study::create(*store, StudyFile::parse(kFile, "/x/s.toml").header());
  Study study(store);
  study.sync();
  study::EndRecord lost, done;
  lost.attempt = 1;
  lost.state = TrialState::waiting;
  lost.vanished = true;
  lost.reason = "worker w0.1 was lost";
  done.attempt = 2;
  done.curve = {{1, 3.0}, {5, 2.0}, {9, 1.0}};
  study.commit({study::TrialRecord{0, {}, "r", 1}, study::StartRecord{0, 1, "w0.1", 9}, lost});
  study.commit({study::StartRecord{0, 2, "w1.1", 9},
                study::ResultRecord{0, 2, {9, {{"f1", 1.0}, {"f2", 1.0}}}}, done});
  const auto attempts = attempts_of(study, 0);
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_EQ(attempts[0].ending, "its worker vanished");
  EXPECT_EQ(attempts[1].worker, "w1.1");
  EXPECT_EQ(attempts[1].ending, "completed");
  const std::string text = trial_text(study, StudyFile::parse(kFile, "/x/s.toml"), study.trial(0));
  EXPECT_NE(text.find("worker w0.1 was lost"), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '*'), 3) << text;
}

}  // namespace
}  // namespace hone::run
