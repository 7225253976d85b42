// Two workers against one: the same study of small language models (fixed steps, the same trials), with the
// real programs, one after the other, some times in turn. Prints the ratio of their times from the first
// trial's start to the last one's end; 2 would be perfect.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hone/base/files.h"
#include "hone/base/rng.h"
#include "hone/study/study.h"

namespace {

/// Seconds between the first start and the last end.
double run(const std::string& programs, const std::string& folder, int workers, int round) {
  const std::string name = fmt::format("w{}-{}", workers, round);
  std::ofstream(folder + "/" + name + ".toml") << fmt::format(R"([study]
minimize = ["bits_per_char"]
seed = 1
[task]
kind = "text"
data = "d.txt"
mixer = "attention"
layers = 2
validation_chars = 2048
[space]
width = {{ choice = [64] }}
lr = {{ real = [1e-3, 1e-2], log = true }}
[search]
searcher = "random"
scheduler = {{ kind = "fixed", steps = 100 }}
identity = "off"
[budget]
trials = 12
workers = {}
)",
                                                              workers);
  const std::string command =
      fmt::format("'{}/hone' search --quiet '{}/{}.toml' > /dev/null 2>&1", programs, folder, name);
  if (std::system(command.c_str()) != 0) return 0.0;
  hone::study::Study study(
      hone::study::open_store(fmt::format("sqlite:{}/{}.hone/study.sqlite", folder, name)));
  study.sync();
  double first = 1e300, last = 0.0;
  for (const auto& trial : study.trials()) {
    first = std::min(first, trial.created_s);
    last = std::max(last, trial.finished_s);
  }
  return last - first;
}

}  // namespace

int main() {
  const std::string programs = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  const hone::ScratchFolder scratch("hone-bench");
  const std::string& folder = scratch.path();
  hone::Rng rng(1, "text");
  std::ofstream text(folder + "/d.txt");
  for (int i = 0; i < 200000; ++i)
    text << static_cast<char>(i % 61 == 60 ? '\n' : 'a' + rng.below(rng.below(26) + 1));
  text.close();
  std::vector<double> one, two;
  for (int round = 0; round < 3; ++round) {
    one.push_back(run(programs, folder, 1, round));
    two.push_back(run(programs, folder, 2, round));
    std::printf("one worker %.2f s, two %.2f s: %.2f times\n", one.back(), two.back(),
                one.back() / two.back());
  }
  std::printf("best of each: %.2f times\n",
              *std::min_element(one.begin(), one.end()) / *std::min_element(two.begin(), two.end()));
}
