#include "hone/study/study.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "hone/base/error.h"

namespace hone::study {
namespace {

space::Config x_config(std::int64_t width) {
  return space::Config({{"width", Value(width)},
                        {"lr", Value(0.001)},
                        {"mixer", Value(std::string("a"))},
                        {"tied", Value(true)}});
}

StudyRecord x_header() { return {"s", "/x/s.toml", "text = 1\n", 7, {{"loss", true}, {"gain", false}}, 9}; }

std::shared_ptr<Store> fresh() {
  auto store = open_store("memory:");
  Study::create(*store, x_header());
  return store;
}

TEST(Journal, RecordsSurviveTheirText) {
  EndRecord end{3,
                2,
                TrialState::failed,
                "diverged \"x\"",
                1.5,
                1,
                {{1.0, 2.5}, {2.0, std::numeric_limits<double>::quiet_NaN()}},
                true};
  const std::vector<Record> records{
      x_header(),
      SessionRecord{2, "60 trials"},
      EndedRecord{"interrupted"},
      TrialRecord{3, x_config(64), "tpe", 9, 4},
      StartRecord{3, 2, "w0", 20},
      KeysRecord{3, {Key{1, 2}, Key{3, 4}}, {{"latency_s", 0.5}}},
      ResultRecord{3, 2, {20, {{"loss", std::numeric_limits<double>::infinity()}, {"gain", -1e-300}}}},
      end,
      LateRecord{3, 1, Json{{"a", 1}}}};
  for (const Record& record : records) {
    const Event event = encode(record);
    const Event again = encode(decode(event));
    EXPECT_EQ(event.kind, again.kind);
    EXPECT_EQ(event.payload, again.payload);
  }
  EXPECT_EQ(std::get<TrialRecord>(decode(encode(records[3]))).config, x_config(64));
}

TEST(Journal, KeepsWhatItDoesNotKnowAndRefusesWhatIsBroken) {
  EXPECT_TRUE(std::holds_alternative<UnknownRecord>(decode({1, "planet", 1, 0, "{\"a\":[1]}"})));
  EXPECT_TRUE(std::holds_alternative<UnknownRecord>(decode({1, "trial", 2, 0, "{\"a\":[1]}"})));
  EXPECT_THROW(decode({1, "trial", 1, 0, "{\"trial\":"}), Error);
  EXPECT_THROW(decode({1, "trial", 1, 0, "{\"trial\":1}"}), Error);
  EXPECT_THROW(decode({1, "end", 1, 0, R"({"trial":1,"attempt":1,"state":"dancing"})"}), Error);
}

TEST(Study, AppliesTheLifeOfATrial) {
  Study study(fresh());
  std::vector<Change::Kind> told;
  study.listen([&](const Change& change) { told.push_back(change.kind); });
  study.sync();
  study.commit({TrialRecord{0, x_config(1), "r", 7, 2}, StartRecord{0, 1, "w0", 3}});
  EXPECT_EQ(study.count(TrialState::running), 1);
  EXPECT_EQ(study.saved().repeated_config, 2);
  study.commit({ResultRecord{0, 1, {3, {{"loss", 1.0}, {"gain", 2.0}}}},
                EndRecord{0, 1, TrialState::paused, "", 2.0, -1, {{3, 1.1}}, false}});
  EXPECT_EQ(study.trial(0).state, TrialState::paused);
  EXPECT_TRUE(study.front().members().empty()) << "the front is at the horizon only";
  study.commit({StartRecord{0, 2, "w1", 9}, ResultRecord{0, 2, {9, {{"loss", 0.5}, {"gain", 3.0}}}},
                EndRecord{0, 2, TrialState::completed, "", 4.0, -1, {{9, 0.6}}, false}});
  ASSERT_EQ(study.front().members().size(), 1u);
  EXPECT_EQ(study.front().members()[0].values, (std::vector<double>{0.5, -3.0}));
  EXPECT_EQ(study.trial(0).spent_s, 6.0);
  EXPECT_EQ(study.trial(0).curve.size(), 2u);
  EXPECT_EQ(study.trial(0).attempts, 2);
  using K = Change::Kind;
  EXPECT_EQ(told,
            (std::vector<K>{K::created, K::started, K::result, K::state, K::started, K::result, K::state}));
  EXPECT_NE(study.find(x_config(1).key()), nullptr);
  EXPECT_EQ(study.find(x_config(2).key()), nullptr);
}

TEST(Study, AnotherProcessSeesTheSame) {
  const auto store = fresh();
  Study writer(store), reader(store);
  writer.sync();
  reader.sync();
  writer.commit({TrialRecord{0, x_config(1), "r", 7, 0}, StartRecord{0, 1, "w0", 9}});
  EXPECT_TRUE(reader.sync());
  // The reader writes too; the writer's next commit must first apply what it has not seen.
  reader.commit({TrialRecord{1, x_config(2), "r", 7, 0}});
  writer.commit({ResultRecord{0, 1, {9, {{"loss", 1.0}, {"gain", 1.0}}}},
                 EndRecord{0, 1, TrialState::completed, "", 1, -1, {}, false}});
  reader.sync();
  ASSERT_EQ(writer.size(), 2);
  ASSERT_EQ(reader.size(), 2);
  for (std::int64_t id : {0, 1}) {
    EXPECT_EQ(writer.trial(id).state, reader.trial(id).state);
    EXPECT_EQ(writer.trial(id).config, reader.trial(id).config);
  }
  EXPECT_EQ(writer.waiting(), std::deque<std::int64_t>{1});
}

TEST(Study, AResultStandsOnceItIsThere) {
  Study study(fresh());
  study.sync();
  study.commit({TrialRecord{0, x_config(1), "r", 7, 0}, StartRecord{0, 1, "w0", 9},
                ResultRecord{0, 1, {9, {{"loss", 1.0}, {"gain", 1.0}}}}});
  study.commit({ResultRecord{0, 1, {9, {{"loss", 0.1}, {"gain", 1.0}}}}});
  EXPECT_EQ(study.trial(0).last()->measures.find("loss"), 1.0);
  EXPECT_EQ(study.front().members().size(), 1u);
}

TEST(Study, AFollowerTakesItsTwinsResultsWhoeverWritesThem) {
  auto head = x_header();
  head.unshared = {"memory_bytes"};
  const auto store = open_store("memory:");
  Study::create(*store, head);
  Study a(store), b(store);
  a.sync();
  b.sync();
  const Keys same_function[] = {{Key{1, 1}, Key{5, 5}}, {Key{2, 2}, Key{5, 5}}};
  a.commit(
      {TrialRecord{0, x_config(1), "r", 7, 0}, StartRecord{0, 1, "w0", 3},
       KeysRecord{0, same_function[0], {{"latency_s", 2.0}}},
       ResultRecord{0, 1, {3, {{"loss", 1.0}, {"gain", 1.0}, {"latency_s", 2.0}, {"memory_bytes", 9.0}}}},
       EndRecord{0, 1, TrialState::paused, "", 1, -1, {}, false, false}, StartRecord{0, 2, "w0", 9}});
  b.sync();
  b.commit({TrialRecord{1, x_config(2), "r", 7, 0}, StartRecord{1, 1, "w1", 3},
            KeysRecord{1, same_function[1], {{"latency_s", 1.0}}},
            EndRecord{1, 1, TrialState::completed, "", 1, 0, {}, false, false}});
  // The twin's worker has not seen the follower when it tells.
  a.commit(
      {ResultRecord{0, 2, {9, {{"loss", 0.5}, {"gain", 2.0}, {"latency_s", 2.0}, {"memory_bytes", 8.0}}}}});
  b.sync();
  for (const Study* study : {&a, &b}) {
    const Trial& follower = study->trial(1);
    ASSERT_EQ(follower.results.size(), 2u);
    EXPECT_EQ(follower.at(9)->measures.find("loss"), 0.5);
    EXPECT_EQ(follower.at(9)->measures.find("latency_s"), 1.0) << "its own cost";
    EXPECT_FALSE(follower.at(9)->measures.find("memory_bytes")) << "never measured for it";
    EXPECT_EQ(study->saved().same_function, 1);
    EXPECT_EQ(study->saved().fidelity, 9);
  }
}

TEST(Study, CountsSessionsThatWereKilled) {
  const auto store = fresh();
  Study study(store);
  study.sync();
  study.commit({SessionRecord{1, ""}});
  const double began = study.last_time_s();
  study.commit({TrialRecord{0, x_config(1), "r", 7, 0}});
  const double first = study.last_time_s() - began;
  study.commit({SessionRecord{1, ""}});  // the first never said that it ended
  study.commit({EndedRecord{"done"}});
  EXPECT_EQ(study.sessions(), 2);
  EXPECT_EQ(study.last_end(), "done");
  EXPECT_GE(study.elapsed_s(study.last_time_s() + 1000), first);
  EXPECT_LT(study.elapsed_s(study.last_time_s() + 1000), 100) << "a closed session does not go on counting";
}

/// A study on `head` that writes down what it tells.
struct Heard {
  explicit Heard(const StudyRecord& head) : store(open_store("memory:")) {
    Study::create(*store, head);
    study = std::make_unique<Study>(store);
    study->listen([this](const Change& change) {
      told.push_back({change.kind, change.trial->id, change.trial->state,
                      change.result == nullptr ? 0.0 : change.result->measures.find("loss").value_or(-1.0)});
      members = study->front().members();
    });
    study->sync();
  }
  struct Told {
    Change::Kind kind;
    std::int64_t trial;
    TrialState state;
    double loss;
  };
  std::vector<double> results_of(std::int64_t trial) const {
    std::vector<double> losses;
    for (const Told& one : told)
      if (one.kind == Change::Kind::result && one.trial == trial) losses.push_back(one.loss);
    return losses;
  }
  /// A light study of the same journal tells the same.
  void also_light() const {
    study->save_views();
    Study light(store, Study::Depth::light);
    light.sync();
    for (std::int64_t id = 0; id < study->size(); ++id) {
      EXPECT_EQ(light.trial(id).state, study->trial(id).state) << id;
      EXPECT_EQ(light.trial(id).reason, study->trial(id).reason) << id;
      EXPECT_EQ(light.outcome(id), study->outcome(id)) << id;
    }
    ASSERT_EQ(light.front().members().size(), study->front().members().size());
    for (std::size_t i = 0; i < light.front().members().size(); ++i)
      EXPECT_EQ(light.front().members()[i].trial, study->front().members()[i].trial);
  }
  std::shared_ptr<Store> store;
  std::unique_ptr<Study> study;
  std::vector<Told> told;
  std::vector<Front::Member> members;
};

StudyRecord one_objective() { return {"s", "/x/s.toml", "text = 1\n", 7, {{"loss", true}}, 9}; }

std::vector<Record> ran(std::int64_t id, std::int64_t fidelity, double loss, TrialState state,
                        std::int64_t of = -1) {
  TrialRecord trial{id, x_config(of >= 0 ? of : id), "r", 7, 0};
  trial.of = of;
  trial.replicate = of >= 0 ? 1 : 0;
  EndRecord end;
  end.trial = id;
  end.attempt = 1;
  end.state = state;
  return {trial, StartRecord{id, 1, "w0", fidelity}, ResultRecord{id, 1, {fidelity, {{"loss", loss}}}}, end};
}

std::vector<Record> same(std::int64_t id, std::int64_t twin) {
  EndRecord end;
  end.trial = id;
  end.attempt = 1;
  end.state = TrialState::completed;
  end.same_as = twin;
  return {TrialRecord{id, x_config(id), "r", 7, 0}, StartRecord{id, 1, "w0", 3}, end};
}

TEST(Study, AFollowerHasItsTwinsReplicates) {
  Heard heard(one_objective());
  Study& study = *heard.study;
  study.commit(ran(0, 9, 1.0, TrialState::completed));
  study.commit(same(1, 0));
  study.commit(ran(2, 9, 1.5, TrialState::completed));
  ASSERT_EQ(study.front().members()[0].trial, 0);
  study.commit(ran(3, 9, 3.0, TrialState::completed, 0));  // the twin was lucky
  EXPECT_EQ(study.outcome(1).find("loss"), 2.0);
  EXPECT_EQ(study.spread(1).n, 2);
  ASSERT_EQ(study.front().members().size(), 1u);
  EXPECT_EQ(study.front().members()[0].trial, 2) << "the follower does not keep the lucky result";
  EXPECT_EQ(heard.members[0].trial, 2) << "whoever is told sees the front as it is";
  EXPECT_EQ(heard.results_of(0), (std::vector<double>{1.0, 2.0}));
  EXPECT_EQ(heard.results_of(1), (std::vector<double>{1.0, 2.0})) << "told again, together";
  study.commit(same(4, 0));
  EXPECT_EQ(study.outcome(4).find("loss"), 2.0) << "also one that comes later";
  heard.also_light();
  study.commit({DeleteRecord{3}});
  EXPECT_EQ(study.front().members()[0].trial, 0);
  EXPECT_EQ(heard.results_of(1).back(), 1.0) << "told again, alone";
  EXPECT_EQ(heard.results_of(0).back(), 1.0);
  heard.also_light();
}

TEST(Study, LimitsOfNowJudgeWhatRanWhenTheyChanged) {
  auto head = one_objective();
  head.limits = {{"loss", 1.0, {}}};
  Heard heard(head);
  Study& study = *heard.study;
  study.commit({TrialRecord{0, x_config(0), "r", 7, 0}, StartRecord{0, 1, "w0", 9},
                TrialRecord{1, x_config(1), "r", 7, 0}, StartRecord{1, 1, "w1", 9}});
  RevisedRecord revised;
  revised.limits = {{"loss", 2.0, 0.5}};
  study.commit({revised});
  // Their workers know the old limits.
  EndRecord refused;
  refused.trial = 0;
  refused.attempt = 1;
  refused.state = TrialState::infeasible;
  refused.cause = "limit";
  refused.reason = "loss is 1.5, over the limit of 1";
  study.commit({ResultRecord{0, 1, {9, {{"loss", 1.5}}}}, refused});
  EndRecord taken;
  taken.trial = 1;
  taken.attempt = 1;
  study.commit({ResultRecord{1, 1, {9, {{"loss", 0.2}}}}, taken});
  EXPECT_EQ(study.trial(0).state, TrialState::completed);
  EXPECT_EQ(study.trial(0).reason, "");
  EXPECT_EQ(study.trial(1).state, TrialState::infeasible);
  EXPECT_EQ(study.trial(1).cause, "limit");
  EXPECT_EQ(study.front().members()[0].trial, 0);
  heard.also_light();
}

TEST(Study, WhatWasTurnedAwayByAPredictionIsJudgedByIt) {
  for (const bool said : {true, false}) {
    auto head = one_objective();
    if (said) head.costs = {"latency_s"};
    head.limits = {{"latency_s", 2.0, {}}};
    Heard heard(head);
    Study& study = *heard.study;
    const auto turn_away = [&](std::int64_t id) {
      study.commit(
          {TrialRecord{id, x_config(id), "r", 7, 0}, StartRecord{id, 1, "w0", 9},
           KeysRecord{id, {}, {{"latency_s_predicted", 3.0}}},
           EndRecord{id, 1, TrialState::infeasible, "it will be 3", 0, -1, {}, false, true, "limit"}});
    };
    turn_away(0);
    RevisedRecord revised;
    revised.limits = {{"latency_s", 2.5, {}}};
    study.commit({revised});
    turn_away(1);  // also what comes after the limits changed
    for (const std::int64_t id : {0, 1}) {
      EXPECT_EQ(study.trial(id).state, TrialState::infeasible);
      EXPECT_EQ(study.trial(id).reason, "it will be 3");
    }
    heard.also_light();
    revised.limits = {{"latency_s", 4.0, {}}};
    study.commit({revised});
    for (const std::int64_t id : {0, 1})
      EXPECT_EQ(study.trial(id).state, TrialState::waiting) << "within what is allowed now";
    heard.also_light();
  }
}

TEST(Study, BelowTheHorizonOnlyCostsBreakLimits) {
  for (const bool said : {true, false}) {
    auto head = one_objective();
    if (said) head.costs = {"latency_s"};
    head.limits = {{"loss", 1.0, {}}, {"latency_s", 1.0, {}}};
    Heard heard(head);
    Study& study = *heard.study;
    study.commit(ran(0, 3, 5.0, TrialState::paused));
    study.commit(same(1, 0));
    study.commit({TrialRecord{2, x_config(2), "r", 7, 0}, StartRecord{2, 1, "w0", 3},
                  KeysRecord{2, {}, {{"latency_s", 3.0}}},
                  EndRecord{2, 1, TrialState::completed, "", 0, 0, {}}});
    EXPECT_EQ(study.trial(1).state, TrialState::completed);
    EXPECT_EQ(study.trial(2).state, TrialState::infeasible) << "its own costs do that at any fidelity";
    RevisedRecord revised;
    revised.limits = {{"loss", 0.9, {}}, {"latency_s", 1.0, {}}};
    study.commit({revised});
    EXPECT_EQ(study.trial(1).state, TrialState::completed) << "its quality may still come";
    study.commit({StartRecord{0, 2, "w0", 9}, ResultRecord{0, 2, {9, {{"loss", 0.95}}}},
                  EndRecord{0, 2, TrialState::infeasible, "too much", 0, -1, {}, false, false, "limit"}});
    EXPECT_EQ(study.trial(1).state, TrialState::infeasible) << "as its twin, once it is there";
    EXPECT_EQ(study.trial(1).cause, "limit");
    heard.also_light();
    revised.limits = {};
    study.commit({revised});
    EXPECT_EQ(study.trial(1).state, TrialState::completed);
    EXPECT_EQ(study.trial(2).state, TrialState::completed);
    heard.also_light();
  }
}

TEST(Study, WhatQualityRefusedMayGoOnWhereTheHorizonIsRaised) {
  for (const bool said : {true, false}) {
    auto head = one_objective();
    if (said) head.costs = {"latency_s"};
    head.limits = {{"loss", 1.0, {}}};
    Heard heard(head);
    Study& study = *heard.study;
    EndRecord refused{0, 1, TrialState::infeasible, "too much", 0, -1, {}, false, false, "limit"};
    study.commit({TrialRecord{0, x_config(0), "r", 7, 0}, StartRecord{0, 1, "w0", 9},
                  ResultRecord{0, 1, {9, {{"loss", 1.5}}}}, refused});
    EXPECT_EQ(study.trial(0).state, TrialState::infeasible);
    RevisedRecord revised;
    revised.limits = head.limits;
    revised.horizon = 27;
    study.commit({revised});
    EXPECT_EQ(study.trial(0).state, TrialState::paused);
    EXPECT_EQ(study.trial(0).reason, "");
    heard.also_light();
    study.commit({StartRecord{0, 2, "w0", 27}, ResultRecord{0, 2, {27, {{"loss", 1.2}}}},
                  EndRecord{0, 2, TrialState::infeasible, "too much", 0, -1, {}, false, false, "limit"}});
    EXPECT_EQ(study.trial(0).state, TrialState::infeasible);
    heard.also_light();
  }
}

TEST(Study, AFollowerEndsAsItsTwinDoes) {
  Heard heard(one_objective());
  Study& study = *heard.study;
  study.commit(ran(0, 3, 5.0, TrialState::paused));
  study.commit(same(1, 0));
  study.commit({StartRecord{0, 2, "w0", 9},
                EndRecord{0, 2, TrialState::failed, "loss is nan", 0, -1, {}, false, false, "nan"}});
  EXPECT_EQ(study.trial(1).state, TrialState::failed);
  EXPECT_EQ(study.trial(1).cause, "nan");
  EXPECT_EQ(study.count(TrialState::failed), 2);
  heard.also_light();
  study.commit({RetryRecord{0}});
  EXPECT_EQ(study.trial(1).state, TrialState::completed);
  EXPECT_EQ(study.count(TrialState::failed), 0);
  heard.also_light();
}

TEST(Study, WhatCountsAgainIsToldAgain) {
  auto head = one_objective();
  head.limits = {{"loss", 1.0, {}}};
  Heard heard(head);
  Study& study = *heard.study;
  EndRecord refused;
  refused.trial = 0;
  refused.attempt = 1;
  refused.state = TrialState::infeasible;
  refused.cause = "limit";
  study.commit({TrialRecord{0, x_config(0), "r", 7, 0}, StartRecord{0, 1, "w0", 9},
                ResultRecord{0, 1, {3, {{"loss", 2.5}}}}, ResultRecord{0, 1, {9, {{"loss", 2.0}}}}, refused});
  study.commit({TrialRecord{1, x_config(1), "r", 7, 0}, StartRecord{1, 1, "w0", 9},
                ResultRecord{1, 1, {3, {{"loss", 4.0}}}},
                EndRecord{1, 1, TrialState::failed, "crashed", 0, -1, {}, false, false, "exit"}});
  heard.told.clear();
  study.commit({RevisedRecord{}});
  EXPECT_EQ(study.trial(0).state, TrialState::completed);
  EXPECT_EQ(heard.results_of(0), (std::vector<double>{2.5, 2.0}));
  EXPECT_EQ(heard.told.front().kind, Change::Kind::state) << "first that it is no longer lost";
  study.commit({RetryRecord{1}});
  EXPECT_EQ(heard.results_of(1), std::vector<double>{4.0});
}

TEST(Study, ADeletedFollowerIsNotHeardOfAgain) {
  Heard heard(one_objective());
  Study& study = *heard.study;
  study.commit(ran(0, 3, 5.0, TrialState::paused));
  study.commit(same(1, 0));
  study.commit({DeleteRecord{1}});
  heard.told.clear();
  study.commit({StartRecord{0, 2, "w0", 9}, ResultRecord{0, 2, {9, {{"loss", 0.5}}}},
                EndRecord{0, 2, TrialState::completed, "", 0, -1, {}}});
  for (const auto& one : heard.told) EXPECT_EQ(one.trial, 0);
  ASSERT_EQ(study.front().members().size(), 1u);
  EXPECT_EQ(study.front().members()[0].trial, 0);
  heard.also_light();
}

TEST(Study, AFailedTrialLeavesTheFrontAtOnce) {
  Heard heard(one_objective());
  Study& study = *heard.study;
  study.commit(ran(0, 9, 2.0, TrialState::completed));
  study.commit({TrialRecord{1, x_config(1), "r", 7, 0}, StartRecord{1, 1, "w0", 9},
                ResultRecord{1, 1, {9, {{"loss", 1.0}}}}});
  EXPECT_EQ(study.front().members()[0].trial, 1);
  study.commit({EndRecord{1, 1, TrialState::failed, "crashed", 0, -1, {}, false, false, "exit"}});
  EXPECT_EQ(study.front().members()[0].trial, 0);
  EXPECT_EQ(heard.members[0].trial, 0);
}

TEST(Study, WhatOthersBroughtPutsNoTrialOnTheFrontThatIsOutItself) {
  struct Case {
    TrialState state;
    const char* cause;
    bool reported;  // below the horizon
    bool on_front;
  };
  for (const Case& one :
       {Case{TrialState::infeasible, "", false, false}, Case{TrialState::infeasible, "", true, false},
        Case{TrialState::infeasible, "limit", true, false}, Case{TrialState::pruned, "", false, false},
        Case{TrialState::pruned, "", true, false}, Case{TrialState::failed, "exit", true, false},
        Case{TrialState::paused, "", false, false}, Case{TrialState::paused, "", true, true}}) {
    SCOPED_TRACE(std::string(state_name(one.state)) + " " + one.cause + (one.reported ? " reported" : ""));
    auto head = one_objective();
    head.objectives.push_back({"bytes", true});
    Heard heard(head);
    Study& study = *heard.study;
    for (const std::int64_t id : {0, 1})
      study.commit({TrialRecord{id, x_config(id), "r", 7, 0}, StartRecord{id, 1, "w0", 9},
                    KeysRecord{id, {}, {{"bytes", id == 0 ? 2.0 : 1.0}}}});
    KeysRecord joins;
    joins.trial = 1;
    joins.joins = 0;
    study.commit({joins});
    const auto finish = [&] {
      study.commit({ResultRecord{0, 1, {9, {{"loss", 0.5}, {"bytes", 2.0}}}},
                    EndRecord{0, 1, TrialState::completed, "", 1, -1, {}, false}});
    };
    const bool first = one.reported;  // either order
    if (first) finish();
    EXPECT_EQ(study.front().members().size(), first ? 1u : 0u) << "it runs, and has nothing of its own";
    if (one.reported) study.commit({ResultRecord{1, 1, {3, {{"loss", 0.9}, {"bytes", 1.0}}}}});
    study.commit({EndRecord{1, 1, one.state, "why", 1, -1, {}, false, false, one.cause}});
    if (!first) finish();
    const auto& members = study.front().members();
    ASSERT_FALSE(members.empty());
    EXPECT_EQ(std::any_of(members.begin(), members.end(), [](const auto& m) { return m.trial == 1; }),
              one.on_front);
    EXPECT_EQ(study.outcome(0).find("loss"), 0.5);
    heard.also_light();
    study.commit({RetryRecord{1}});
    heard.also_light();
    study.commit({StartRecord{1, 2, "w0", 9}, ResultRecord{1, 2, {9, {{"loss", 0.7}, {"bytes", 1.0}}}},
                  EndRecord{1, 2, TrialState::completed, "", 1, -1, {}, false}});
    ASSERT_EQ(study.front().members().size(), 1u);
    EXPECT_EQ(study.front().members()[0].trial, 1) << "as good, and smaller";
    heard.also_light();
  }
}

TEST(Study, WhatALimitRefusedAtTheHorizonCountsByAllItsEvaluations) {
  auto head = one_objective();
  head.limits = {{"loss", 1.0, {}}};
  Heard heard(head);
  Study& study = *heard.study;
  auto refused = ran(0, 9, 1.2, TrialState::infeasible);
  std::get<EndRecord>(refused.back()).cause = "limit";
  study.commit(refused);
  EXPECT_TRUE(study.front().members().empty());
  study.commit(ran(1, 9, 0.5, TrialState::completed, 0));  // it was unlucky
  ASSERT_EQ(study.front().members().size(), 1u);
  EXPECT_DOUBLE_EQ(study.front().members()[0].values[0], 0.85);
  EXPECT_EQ(study.trial(0).state, TrialState::infeasible);
  heard.also_light();
  study.commit({RetryRecord{0}});
  EXPECT_EQ(study.front().members().size(), 1u);
  heard.also_light();
}

TEST(Study, WhatIsCalledImpossibleLeavesTheFront) {
  Heard heard(one_objective());
  Study& study = *heard.study;
  study.commit(ran(0, 9, 2.0, TrialState::completed));
  study.commit({TrialRecord{1, x_config(1), "r", 7, 0}, StartRecord{1, 1, "w0", 9},
                ResultRecord{1, 1, {9, {{"loss", 1.0}}}}});
  EXPECT_EQ(study.front().members()[0].trial, 1);
  study.commit({EndRecord{1, 1, TrialState::infeasible, "no model", 1, -1, {}, false}});
  EXPECT_EQ(study.front().members()[0].trial, 0);
  heard.also_light();
}

TEST(Study, ALightOneForgetsWhatIsNotUnderWay) {
  const auto store = open_store("memory:");
  Study::create(*store, one_objective());
  Study writer(store), light(store, Study::Depth::light);
  writer.sync();
  light.sync();
  constexpr std::int64_t kTrials = 21000;
  std::vector<Record> records;
  for (std::int64_t id = 0; id < kTrials; ++id)
    for (Record& record : ran(id, 3, 1.0, TrialState::paused)) records.push_back(std::move(record));
  writer.commit(records);
  light.sync();
  writer.commit({TrialRecord{kTrials, x_config(1), "r", 7, 0}});
  light.sync();
  EXPECT_LT(light.kept(), 100u);
  EXPECT_EQ(light.trial(17).state, TrialState::paused) << "it is read again when it is asked for";
  EXPECT_EQ(light.count(TrialState::paused), kTrials);
}

TEST(Study, NamesDamage) {
  const auto store = fresh();
  store->commit({.events = {{0, "end", 1, 0, R"({"trial":5,"attempt":1,"state":"failed"})"}},
                 .need = {},
                 .take = {},
                 .release = {},
                 .drop = {}});
  Study study(store);
  EXPECT_THROW(study.sync(), Error);
  EXPECT_THROW(Study{open_store("memory:")}, Error);
}

}  // namespace
}  // namespace hone::study
