// hone-label make, summary, families, kernel: data sets of labelled functions.
#include <algorithm>
#include <cstdio>
#include <set>
#include <thread>

#include "../progress_line.h"
#include "hone/base/units.h"
#include "hone/cost/kernels/generator.h"
#include "hone/cost/labels.h"
#include "hone/label/label_pool.h"
#include "hone/label/labeller.h"
#include "hone/predict/score.h"
#include "label.h"

namespace hone::cli {
namespace {

struct Arguments {
  std::string file;
  std::vector<std::string> families;
  std::uint64_t seed = 1, count = 1000, number = 0;
  int workers = 0, visits = 3;
  double kernel_seconds = 60.0;
  bool json = false, quiet = false;
};

int make(const Arguments& arguments) {
  catch_interrupts();
  for (const auto& family : arguments.families) {
    const auto known = cost::kernel_families();
    if (std::find(known.begin(), known.end(), family) == known.end())
      throw Error(fmt::format("there is no family of kernels '{}'", family), {}, suggest(family, known));
  }
  ProgressLine progress(arguments.quiet);
  label::LabelPlan plan;
  plan.path = arguments.file;
  plan.seed = arguments.seed;
  plan.count = arguments.count;
  plan.families = arguments.families;
  plan.workers = arguments.workers > 0 ? arguments.workers
                                       : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  plan.kernel_seconds = arguments.kernel_seconds;
  plan.visits = arguments.visits;
  plan.interrupted = interrupted;
  plan.progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.show(fmt::format("{} of {} functions", done, total));
  };
  plan.visiting = [&](std::uint64_t left) {
    progress.show(fmt::format("visiting again where repeats disagreed: {} to go", left));
  };
  progress.show("measuring this machine's rates");
  const label::LabelSummary summary = label::make_labels(plan);
  progress.clear();
  if (arguments.json) {
    print_json({{"file", arguments.file},
                {"labelled", summary.labelled},
                {"duplicates", summary.duplicates},
                {"failed", summary.failed},
                {"before", summary.before},
                {"visited_again", summary.visited_again},
                {"disturbed", summary.disturbed},
                {"seconds", summary.seconds},
                {"interrupted", summary.interrupted}});
  } else {
    std::printf("%llu labelled in %s", static_cast<unsigned long long>(summary.labelled),
                duration_text(summary.seconds).c_str());
    if (summary.labelled > 0 && summary.seconds > 0)
      std::printf(" (%.0f an hour)", 3600.0 * static_cast<double>(summary.labelled) / summary.seconds);
    std::printf(", %llu left out as duplicates, %llu failed; %llu were there\n",
                static_cast<unsigned long long>(summary.duplicates),
                static_cast<unsigned long long>(summary.failed),
                static_cast<unsigned long long>(summary.before));
    if (summary.visited_again > 0 || summary.disturbed > 0)
      std::printf("%llu visits where repeats had disagreed; of %llu in the file they do still\n",
                  static_cast<unsigned long long>(summary.visited_again),
                  static_cast<unsigned long long>(summary.disturbed));
  }
  if (!summary.interrupted) return kDone;
  std::fprintf(stderr, "stopped; everything is saved, the same command goes on\n");
  return kStopped;
}

int summary(const Arguments& arguments) {
  const cost::LabelSet set = cost::read_labels(arguments.file);
  struct Row {
    std::size_t labels = 0, failed = 0, disturbed = 0;
    std::set<std::string> groups;
    std::vector<double> run_s;
  };
  std::map<std::string, Row> rows;
  std::array<std::size_t, 3> splits{};
  for (const auto& label : set.labels) {
    for (const std::string& name : {label.family, std::string("all")}) {
      Row& row = rows[name];
      row.groups.insert(label.group);
      if (!label.failed.empty()) {
        ++row.failed;
        continue;
      }
      ++row.labels;
      row.disturbed += label.disturbed ? 1 : 0;
      row.run_s.push_back(label.target("run_s"));
    }
    if (label.failed.empty()) ++splits[static_cast<std::size_t>(cost::split_of(label))];
  }
  if (arguments.json) {
    Json json = {{"provenance", set.provenance.json()},
                 {"splits", {{"train", splits[0]}, {"validation", splits[1]}, {"test", splits[2]}}}};
    for (const auto& [name, row] : rows)
      json["families"][name] = {{"labels", row.labels},
                                {"groups", row.groups.size()},
                                {"failed", row.failed},
                                {"disturbed", row.disturbed},
                                {"run_s_median", real_to_json(predict::quantile(row.run_s, 0.5))}};
    print_json(json);
    return kDone;
  }
  const auto& from = set.provenance;
  std::printf("%s (%s), %s, %s\n", from.machine.c_str(), from.cpu.c_str(), from.compiler.c_str(),
              from.flags.c_str());
  std::printf("made %s; train %zu, validation %zu, test %zu by group\n\n", from.date.c_str(), splits[0],
              splits[1], splits[2]);
  std::printf("%-22s %7s %7s %7s %10s %11s %11s %11s\n", "family", "labels", "groups", "failed", "disturbed",
              "run 10%", "run 50%", "run 90%");
  for (const auto& [name, row] : rows) {
    const auto at = [&](double q) {
      return row.run_s.empty() ? "-" : quantity_text("run_s", predict::quantile(row.run_s, q));
    };
    std::printf("%-22s %7zu %7zu %7zu %10zu %11s %11s %11s\n", name.c_str(), row.labels, row.groups.size(),
                row.failed, row.disturbed, at(0.1).c_str(), at(0.5).c_str(), at(0.9).c_str());
  }
  return kDone;
}

int families(const Arguments& arguments) {
  if (arguments.json) {
    print_json(cost::kernel_families());
  } else {
    for (const auto& name : cost::kernel_families()) std::printf("%s\n", name.c_str());
  }
  return kDone;
}

int kernel(const Arguments& arguments) {
  const auto made = cost::generate_kernel(arguments.seed, arguments.number, arguments.families);
  if (arguments.json) {
    print_json({{"number", made.number},
                {"family", made.family},
                {"group", made.group},
                {"schedule", made.schedule},
                {"text", made.text}});
  } else {
    std::printf("// %s, group %s%s%s\n%s", made.family.c_str(), made.group.c_str(),
                made.schedule.empty() ? "" : ", to be transformed by ", made.schedule.c_str(),
                made.text.c_str());
  }
  return kDone;
}

void add_generator(CLI::App* command, const std::shared_ptr<Arguments>& arguments) {
  command->add_option("--seed", arguments->seed, "The generator's seed; default: 1")->check(not_negative());
  command
      ->add_option("--families", arguments->families,
                   "Comma separated: only these (hone-label families lists them)")
      ->delimiter(',');
}

}  // namespace

void add_label_make(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand(
      "make", "Generate functions, compile and run each, append what they cost to a data set");
  command->footer(
      "What is in FILE already is not made again: a run that was stopped goes on, a second run adds nothing, "
      "a larger\n"
      "--count adds more. Functions of the same structure are labelled once. The format: docs/formats.md, "
      "\"Labels\".\n"
      "Examples:\n"
      "  hone-label make labels.jsonl --count 2000\n"
      "  hone-label make products.jsonl --families matmul,matmul_chain --count 400 --workers 2");
  command->add_option("FILE", arguments->file, "The data set, JSON lines")->required();
  command->add_option("--count", arguments->count, "The generator's first so many functions; default: 1000")
      ->check(whole_number(1, 100000000));
  add_generator(command, arguments);
  command
      ->add_option("--workers", arguments->workers,
                   "Processes that compile; timing is always one at a time; default: one a core")
      ->check(whole_number(1, 1024));
  command
      ->add_option("--kernel-seconds", arguments->kernel_seconds,
                   "Give a function up after so long; default: 60")
      ->check(between(0.1, 86400.0));
  command
      ->add_option(
          "--visits", arguments->visits,
          "Where the repeats of a function disagree, measure it again when all others have been, up to "
          "so often in all; default: 3")
      ->check(whole_number(1, 1000));
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([arguments, &action] { action = [arguments] { return make(*arguments); }; });

  auto* look = app.add_subcommand("summary", "What a data set holds: families, groups, run times, splits");
  look->add_option("FILE", arguments->file, "The data set")->required();
  look->add_flag("--json", arguments->json, "Print one JSON document");
  look->callback([arguments, &action] { action = [arguments] { return summary(*arguments); }; });

  auto* list = app.add_subcommand("families", "List the families of kernels that the generator knows");
  list->add_flag("--json", arguments->json, "Print one JSON document");
  list->callback([arguments, &action] { action = [arguments] { return families(*arguments); }; });

  auto* one = app.add_subcommand("kernel", "Print one function of the generator");
  one->add_option("NUMBER", arguments->number, "Which one, from 0")->required();
  add_generator(one, arguments);
  one->add_flag("--json", arguments->json, "Print one JSON document");
  one->callback([arguments, &action] { action = [arguments] { return kernel(*arguments); }; });
}

}  // namespace hone::cli
