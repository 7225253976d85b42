// A study of the text task whose layers may be left out: many configs are few functions, and two workers
// train each of them once.
#include <map>
#include <set>

#include "../program.h"
#include "hone/base/rng.h"
#include "hone/study/study.h"

namespace hone::learn {
namespace {

TEST(TextIdentity, NoFunctionIsTrainedTwiceAtAFidelity) {
  const test::Folder folder;
  Rng rng(1, "text");
  const std::vector<std::string> stock{"the", "model", "learns", "cheap", "light", "tokens", "grow", "and"};
  std::string text;
  for (int i = 0; i < 5000; ++i) text += stock[rng.below(stock.size())] + (i % 11 == 10 ? ".\n" : " ");
  folder.write("d.txt", text);
  folder.write("s.toml", R"([study]
minimize = ["bits_per_char", "flops"]
seed = 2
[task]
kind = "text"
data = "d.txt"
context = 16
batch = 4
validation_chars = 512
[space]
mixer = { list = 3, choice = ["attention", "none"] }
feedforward = ["plain", "none"]
width = [16]
heads = [2]
[search]
searcher = "random"
scheduler = { kind = "asha", steps = [2, 4], eta = 2 }
identity = "reuse"
[budget]
trials = 16
workers = 2
)");
  test::Program search(folder, {"search", "s.toml", "--json"});
  ASSERT_EQ(search.status(), 0) << search.err();
  study::Study study(study::open_store("sqlite:" + folder.file("s.hone/study.sqlite")));
  study.sync();
  ASSERT_EQ(study.size(), 16);
  std::map<std::int64_t, std::multiset<Key>> trained;
  std::set<Key> functions;
  for (const auto& trial : study.trials()) {
    ASSERT_FALSE(trial.keys.functional.none()) << trial.config.shown();
    functions.insert(trial.keys.functional);
    EXPECT_GT(trial.probe_s, 0.0);
    if (trial.same_as < 0)
      for (const auto& result : trial.results) trained[result.fidelity].insert(trial.keys.functional);
  }
  for (const auto& [fidelity, keys] : trained)
    for (const Key& key : keys) EXPECT_EQ(keys.count(key), 1u) << "at " << fidelity;
  // 0 to 3 layers, with and without feedforward; without layers there is none either way.
  EXPECT_EQ(functions.size(), 7u);
  EXPECT_EQ(static_cast<std::size_t>(study.size()) - functions.size(),
            static_cast<std::size_t>(study.saved().same_structure + study.saved().same_function));
  EXPECT_GT(study.saved().evaluation_s, 0.0);
}

}  // namespace
}  // namespace hone::learn
