// Readers of what may be damaged: only hone::Error may come of it.
#include <ctime>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/run/study_file.h"
#include "mutate.h"
#include "random_journal.h"

namespace hone {
namespace {

using study::Event;
using study::Study;

std::vector<Event> events_of(std::uint64_t seed, int steps) {
  const auto store = study::open_store("memory:");
  test::RandomJournal journal(store, seed);
  for (int step = 0; step < steps; ++step) journal.step();
  std::vector<Event> events;
  store->read(0, [&](const Event& event) { events.push_back(event); });
  return events;
}

TEST(Fuzz, TheJournalsDecoder) {
  const std::vector<Event> events = events_of(3, 400);
  std::vector<std::string> corpus, kinds;
  for (const Event& event : events) {
    corpus.push_back(event.payload);
    if (std::find(kinds.begin(), kinds.end(), event.kind) == kinds.end()) kinds.push_back(event.kind);
  }
  ASSERT_GE(kinds.size(), 12u) << "every kind is tried";
  test::Mutator mutator(corpus);
  std::int64_t read = 0, refused = 0;
  std::vector<study::Record> records;
  for (std::int64_t i = 0; i < test::fuzz_inputs(20000); ++i) {
    // Mostly a payload of its own kind.
    const std::string payload = mutator.next();
    records.clear();
    try {
      study::decode(Event{i + 1, kinds[mutator.below(kinds.size())], 1, 0.0, payload}, records);
      ++read;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
  // What is read can be written, and says the same again.
  for (const Event& event : events) {
    records.clear();
    study::decode(event, records);
    if (!std::holds_alternative<study::UnknownRecord>(records.front())) {
      EXPECT_EQ(study::encode(std::span<const study::Record>(records)).front().payload, event.payload);
    }
  }
}

TEST(Fuzz, PayloadsOfEachKind) {
  const std::vector<Event> events = events_of(9, 400);
  std::vector<std::string> kinds;
  for (const Event& event : events)
    if (std::find(kinds.begin(), kinds.end(), event.kind) == kinds.end()) kinds.push_back(event.kind);
  for (const std::string& kind : kinds) {
    std::vector<std::string> corpus;
    for (const Event& event : events)
      if (event.kind == kind) corpus.push_back(event.payload);
    test::Mutator mutator(corpus, 11);
    std::vector<study::Record> records;
    for (std::int64_t i = 0; i < test::fuzz_inputs(20000) / 10; ++i) {
      records.clear();
      try {
        study::decode(Event{i + 1, kind, 1, 0.0, mutator.next()}, records);
        if (!std::holds_alternative<study::UnknownRecord>(records.front()))
          study::encode(std::span<const study::Record>(records));
      } catch (const Error&) {
      }
    }
  }
}

void read_everything(const std::shared_ptr<study::Store>& store, Study::Depth depth) {
  try {
    Study study(store, depth);
    study.sync();
    if (study.size() < 2000) test::everything(study);
    study.save_views();
  } catch (const Error&) {
  }
}

TEST(Fuzz, AStudyOverADamagedJournal) {
  std::vector<std::vector<Event>> journals;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) journals.push_back(events_of(seed, 60));
  std::vector<std::string> corpus;
  for (const auto& events : journals)
    for (const Event& event : events) corpus.push_back(event.payload);
  test::Mutator mutator(corpus, 4);
  // Numbers are changed for others that may well be meant: trials that do not exist, or not yet.
  const auto other_number = [&](std::string& payload) {
    const std::size_t digit = payload.find_first_of("0123456789", mutator.below(payload.size() + 1));
    if (digit != std::string::npos) payload[digit] = static_cast<char>('0' + mutator.below(10));
  };
  for (std::int64_t i = 0; i < test::fuzz_inputs(20000) / 20; ++i) {
    std::vector<Event> events = journals[mutator.below(journals.size())];
    for (std::size_t n = 1 + mutator.below(3); n > 0 && events.size() > 2; --n) {
      const std::size_t at = mutator.below(events.size()), other = mutator.below(events.size());
      switch (mutator.below(6)) {
        case 0:
          events.erase(events.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        case 1:
          std::swap(events[at], events[other]);
          break;
        case 2:
          events.insert(events.begin() + static_cast<std::ptrdiff_t>(at), Event(events[other]));
          break;
        case 3:
          events[at].payload = mutator.next();
          break;
        case 4:
          events[at].trial = static_cast<std::int64_t>(mutator.below(30)) - 2;
          break;
        default:
          other_number(events[at].payload);
      }
    }
    const auto store = study::open_store("memory:");
    store->commit({.events = events, .need = {}, .take = {}, .release = {}, .drop = {}});
    read_everything(store, Study::Depth::light);
    read_everything(store, Study::Depth::whole);
    read_everything(store, Study::Depth::light);
  }
}

TEST(Fuzz, DamagedViews) {
  const auto store = study::open_store("memory:");
  test::RandomJournal journal(store, 8);
  for (int step = 0; step < 80; ++step) journal.step();
  {
    Study saver(store, Study::Depth::light);
    saver.sync();
    saver.save_views();
  }
  const std::int64_t sequence = store->view("study")->sequence;
  test::Mutator mutator({store->view("study")->payload}, 6);
  for (int step = 0; step < 10; ++step) journal.step();
  for (std::int64_t i = 0; i < test::fuzz_inputs(20000) / 20; ++i) {
    store->save_view("study", {sequence, mutator.next()});
    read_everything(store, Study::Depth::light);
  }
}

TEST(Fuzz, StudyFiles) {
  const std::vector<std::string> corpus{
      "[study]\nname = \"a\"\nminimize = [\"value\"]\nseed = 3\n[task]\nkind = \"function\"\nfunction = "
      "\"branin\"\nstep_s = \"2 ms\"\n[space]\na = { real = [0, 1] }\nb = { real = [1e-4, 1], log = true "
      "}\nc = { "
      "int = [8, 64], step = 8 }\nd = [\"x\", \"y\"]\ne = { real = [0, 1], when = \"d == 'y'\" }\nwhere = "
      "[\"c % 16 == "
      "0 or a < 0.5\"]\n[limits]\nvalue = { max = 40 }\n[search]\nsearcher = \"random\"\nscheduler = { kind "
      "= "
      "\"asha\", steps = [1, 3, 9], eta = 3 }\n[budget]\ntrials = 30\ntime = \"20 s\"\nworkers = 2\n",
      "[study]\nminimize = [\"f1\", \"f2\"]\n[task]\nkind = "
      "\"function\"\nfunction = \"zdt1\"\n[space]\na = { real = [0, 1] }\nb = { real = [0, 1] }\nf = { flag "
      "= true "
      "}\n[search]\nsearcher = { kind = \"tpe\" }\nscheduler = { kind = \"fixed\", steps = 2 }\nidentity = "
      "\"off\"\nreplicates = { max = 3, aggregate = \"median\" }\n",
      R"([study]
maximize = ["score"]
[task]
kind = "command"
run = ["sh", "-c", "echo {width} {optimizer.lr}"]
cores = 2
time = "10 min"
memory = "2 GB"
unit = "epochs"
environment = ["A={width}"]
[space]
width = { int = [16, 256], step = 16, default = 64 }
size = { ordinal = ["small", "medium", "large"] }
ffn = { same_as = "width" }
layers = { list = [1, 4], choice = ["a", "b"] }
where = ["count(layers, 'a') <= 2", "width % 32 == 0 or 'b' in layers"]
[space.optimizer]
kind = ["sgd", "adam"]
lr = { real = [1e-4, 1e-1], log = true, resolution = 0.1 }
warmup = { int = [0, 100], when = "kind == 'adam'" }
[space.net]
sequence = ["stem", { repeat = { use = "conv" }, times = [1, 3] }, { optional = { module = "dropout", rate = { real = [0.0, 0.5] } } }, { one_of = ["pool", { module = "flatten", order = ["c", "f"] }] }]
[space.define.conv]
module = "conv"
filters = { ordinal = [16, 32, 64] }
[limits]
size_bytes = { max = "3 MB", min = 10 }
[search]
scheduler = { kind = "fixed", steps = 3 }
)"};
  for (const std::string& text : corpus) ASSERT_NO_THROW(run::StudyFile::parse(text, "/tmp/s.toml"));
  test::Mutator mutator(corpus, 2);
  std::int64_t read = 0;
  double slowest = 0.0;
  std::string slow;
  // By processor time: other programs must not decide.
  const auto seconds = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
  for (std::int64_t i = 0; i < test::fuzz_inputs(5000); ++i) {
    const std::string text = mutator.next();
    const double began = seconds();
    try {
      run::StudyFile::parse(text, "/tmp/s.toml");
      ++read;
    } catch (const Error&) {
    }
    if (seconds() - began > slowest) {
      slowest = seconds() - began;
      slow = text;
    }
  }
  RecordProperty("read", std::to_string(read));
  RecordProperty("slowest_s", std::to_string(slowest));
  EXPECT_GT(read, 0);
  EXPECT_LT(slowest, 5.0) << slow;
}

}  // namespace
}  // namespace hone
