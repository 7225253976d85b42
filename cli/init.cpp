#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <fmt/ranges.h>

#include "command.h"
#include "command_template.h"
#include "hone/base/files.h"
#include "hone/task/table.h"
#include "recorded_template.h"

namespace hone::cli {
namespace {

constexpr const char* kTextTemplate =
    R"(# A study: what to search, on which data, and when to stop. Run it with
#   hone search FILE
# and look at it with hone status, hone front, hone report. `hone methods` lists what there is to choose from.

[study]
# Several objectives: the result is a front, every model on it the cheapest of its quality.
minimize = ["bits_per_char", "latency_s"]
seed = 1

[task]
kind = "text"
# A text file, or a folder that is read with all below it. Relative paths start at this file.
data = "@DATA@"
context = 64          # characters a model sees at once
batch = 16

[space]
# One entry a layer; "none" leaves a layer out, so that the space holds depth too.
mixer  = { list = 4, choice = ["attention", "multi_query", "pattention", "none"] }
width  = { int = [32, 128], step = 32 }
heads  = [1, 2, 4]
lr     = { real = [1e-3, 2e-2], log = true, resolution = 0.1 }
# Only there where a layer is TokenFormer's:
tokens = { choice = [32, 64, 128], when = "'pattention' in mixer" }
# Constraints over parameters, as many as needed:
where  = ["width % heads == 0"]

[limits]
# A candidate over a limit is never trained. Latency is measured on this machine before training.
latency_s = { max = "20 ms" }

[search]
searcher  = "auto"
# Every trial trains 20 steps, the better third goes on to 60, the better third of those to 180.
scheduler = { kind = "asha", steps = [20, 60, 180], eta = 3 }
identity  = "reuse"   # what computes the same as a known candidate is not trained again

[budget]
time = "3 min"
workers = 2
)";

constexpr const char* kImageTemplate =
    R"(# A study of networks of stacked cells that classify images. Run it with
#   hone search FILE
# and look at it with hone status, hone front, hone report.

[study]
# Several objectives: the result is a front, every network on it the fastest of its quality.
minimize = ["error", "latency_s"]
seed = 1

[task]
kind = "image"
# "shapes" are drawn and need no file. Yours: an IDX file of images as MNIST has them (.gz too, its labels beside
# it), a folder of such files, or one with CIFAR's binary files. Relative paths start at this file.
data = "@DATA@"
images = 2500             # to train and to validate on; 0: all
cell = "nasbench201"      # or nasbench101, darts: which cells; the space is the task's then
channels = 8              # of the first stage
stages = 2                # height and width are halved between them
cells_per_stage = 1
batch = 16
crop = 0                  # pixels by which a training image is shifted at random
flip = false              # mirrored at random

# Without [space] all cells of the kind are searched. With one, its parameters are written out (hone search FILE
# --explain shows them), perhaps with fewer values, and hyperparameters may stand beside them:
#   lr = { real = [0.01, 0.3], log = true }

[search]
searcher  = "regularized_evolution"
# Every trial trains one epoch, the better third goes on to 3, the better third of those to 9.
scheduler = { kind = "asha", steps = [1, 3, 9], eta = 3 }
identity  = "reuse"   # a cell that computes the same as a known one is not trained again

[budget]
time = "3 min"
workers = 2
)";

constexpr const char* kFunctionTemplate =
    R"(# A study of an analytic test function: results in microseconds, to try searchers and schedulers.

[study]
minimize = ["value"]
seed = 1

[task]
kind = "function"
function = "hartmann6"   # branin, hartmann6, zdt1 (two objectives: minimize = ["f1", "f2"])

[space]
a = { real = [0.0, 1.0] }
b = { real = [0.0, 1.0] }
c = { real = [0.0, 1.0] }
d = { real = [0.0, 1.0] }
e = { real = [0.0, 1.0] }
f = { real = [0.0, 1.0] }

[search]
searcher  = "auto"
scheduler = { kind = "fixed", steps = 1 }

[budget]
trials = 200
workers = 1
)";

/// As it stands inside a TOML text.
std::string quoted(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

/// Writes a file; one that is there already, with other content, is kept under another name.
void write_anew(const std::string& path, const std::string& text) {
  if (std::filesystem::exists(path) && read_file(path) != text) {
    std::string kept = path + ".old";
    for (int n = 2; std::filesystem::exists(kept); ++n) kept = fmt::format("{}.old{}", path, n);
    std::error_code code;
    std::filesystem::copy_file(path, kept, code);
    if (code) throw environment_error(fmt::format("cannot keep {} as {}: {}", path, kept, code.message()));
    std::printf("kept the %s that was there as %s\n", path.c_str(), kept.c_str());
  }
  write_file_atomic(path, text);
}

/// Puts `value`, as it stands in a TOML text, where `text` has `mark`.
void fill(std::string& text, const std::string& mark, const std::string& value) {
  if (const auto at = text.find(mark); at != std::string::npos) text.replace(at, mark.size(), quoted(value));
}

/// The same for what is TOML itself.
void fill_text(std::string& text, const std::string& mark, const std::string& toml) {
  if (const auto at = text.find(mark); at != std::string::npos) text.replace(at, mark.size(), toml);
}

/// A path given on the command line is meant from here; the file says it from where it stands.
std::string seen_from(const std::string& file, const std::filesystem::path& path) {
  if (path.is_absolute()) return path.string();
  const auto folder = std::filesystem::absolute(file).parent_path();
  return std::filesystem::absolute(path).lexically_relative(folder).string();
}

/// What a study needs beside it, under its name with another ending.
struct Companion {
  std::string ending, text;
};

/// Writes them; returns the name of the first. Throws Error before anything is written.
std::string write_companions(const std::string& file, const std::vector<Companion>& companions, bool force) {
  const auto path = [&](const Companion& one) {
    return std::filesystem::path(file).replace_extension(one.ending);
  };
  for (const Companion& one : companions)
    if (std::filesystem::exists(path(one)) && !force)
      throw Error("the file exists", Place{path(one).string(), 0, ""},
                  "the study would use it; give another name, or --force");
  for (const Companion& one : companions) {
    write_anew(path(one).string(), one.text);
    std::printf("wrote %s\n", path(one).c_str());
  }
  return path(companions.front()).filename().string();
}

/// Lines of minimize and maximize: the measures that are no costs, or where all are, the first.
std::string objectives_of(const task::TableDescription& table) {
  std::vector<task::TableMetric> metrics = table.metrics;
  std::erase_if(metrics, [](const auto& metric) { return metric.is_cost(); });
  if (metrics.empty()) metrics.push_back(table.metrics.front());
  std::string lines;
  for (const bool minimize : {true, false}) {
    std::vector<std::string> names;
    for (const auto& metric : metrics)
      if (metric.minimize == minimize) names.push_back(fmt::format("\"{}\"", quoted(metric.name)));
    if (!names.empty())
      lines += fmt::format("{}{} = [{}]", lines.empty() ? "" : "\n", minimize ? "minimize" : "maximize",
                           fmt::join(names, ", "));
  }
  return lines;
}

/// The first listed parameters as [space] would have them, in comments.
std::string space_lines(const task::Table& table) {
  constexpr std::size_t kLines = 3, kValues = 6;
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < table.axes().size(); ++i) {
    const auto& parameter = table.description().parameters[i];
    if (lines.size() == kLines || parameter.values.empty()) continue;
    std::vector<std::string> values;
    for (const Value& value : parameter.values)
      if (values.size() < kValues) values.push_back(value_to_json(value).dump());
    const std::string list = fmt::format("[{}]", fmt::join(values, ", "));
    lines.push_back(fmt::format("# {} = {}", table.axes()[i].name,
                                parameter.numeric ? fmt::format("{{ choice = {} }}", list) : list));
  }
  if (lines.empty())
    lines.push_back(fmt::format("# {} = {{ real = [0.0, 1.0] }}", table.axes().front().name));
  return fmt::format("{}", fmt::join(lines, "\n"));
}

/// The study of a table that is there: `given` from here, `seen` from the study file.
std::string recorded_study(const std::string& given, const std::string& seen) {
  const task::Table table = task::Table::read(given);
  const task::TableDescription& description = table.description();
  std::int64_t steps = 0;
  for (const auto& metric : description.metrics) steps = std::max(steps, metric.steps);
  std::string scheduler =
      fmt::format("scheduler = {{ kind = \"fixed\", steps = {} }}", std::max<std::int64_t>(1, steps));
  if (steps > 1)
    scheduler +=
        fmt::format("   # or one that ends bad trials early: {{ kind = \"asha\", steps = [{}, {}] }}",
                    std::max<std::int64_t>(1, steps / 9), steps);
  std::string text = kRecordedTemplate;
  fill_text(text, "@OBJECTIVES@", objectives_of(description));
  fill_text(text, "@SPACE@", space_lines(table));
  fill_text(text, "@SCHEDULER@", scheduler);
  fill_text(text, "@TRIALS@", std::to_string(std::min<std::size_t>(100, table.rows())));
  fill(text, "@TABLE@", seen);
  return text;
}

/// The study of the table that is written beside it.
std::string small_recorded_study(const std::string& table) {
  std::string text = kRecordedTemplate;
  fill_text(text, "@OBJECTIVES@", "minimize = [\"loss\", \"latency_s\"]");
  fill_text(text, "@SPACE@", kRecordedSpace);
  fill_text(text, "@SCHEDULER@", kRecordedScheduler);
  fill_text(text, "@TRIALS@", "16");
  fill(text, "@TABLE@", table);
  return text;
}

}  // namespace

void add_init(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("init", "Write a commented study file from a template");
  command->footer("Example:\n  hone init shakespeare.toml --data tinyshakespeare.txt");
  struct InitArguments {
    std::string file = "study.toml", task = "text", data;
    bool force = false;
  };
  auto arguments = std::make_shared<InitArguments>();
  command->add_option("FILE", arguments->file, "The file to write")->capture_default_str();
  // Two options rather than two names of one, so that an error names the one that was given.
  const auto add_kind = [&](const char* name, const char* summary) {
    return command->add_option(name, arguments->task, summary)
        ->check(CLI::IsMember({"text", "image", "command", "recorded", "function"}))
        ->capture_default_str();
  };
  auto* kind = add_kind("--template",
                        "Which template: text, image, command (with a program beside it), recorded (with a "
                        "table beside it) or function");
  add_kind("--task", "The same: which task")->excludes(kind);
  command->add_option(
      "--data", arguments->data,
      "The task's data: text (default: /usr/share/common-licenses), images (default: shapes, which are "
      "drawn), or a recorded table (default: a small one, written beside the study)");
  command->add_flag("--force", arguments->force,
                    "Also where a file is there already, which is kept as FILE.old");
  command->callback([arguments, &action] {
    action = [arguments] {
      if (std::filesystem::exists(arguments->file) && !arguments->force)
        throw Error("the file exists", Place{arguments->file, 0, ""}, "give another name, or --force");
      const std::string& file = arguments->file;
      const auto data_or = [&](const std::string& usual) {
        return arguments->data.empty() ? usual : seen_from(file, arguments->data);
      };
      std::string text = kFunctionTemplate;
      if (arguments->task == "text") {
        text = kTextTemplate;
        fill(text, "@DATA@", data_or("/usr/share/common-licenses"));
      } else if (arguments->task == "image") {
        text = kImageTemplate;
        fill(text, "@DATA@", data_or("shapes"));
      } else if (arguments->task == "command") {
        text = kCommandTemplate;
        fill(text, "@PROGRAM@", write_companions(file, {{".sh", kCommandProgram}}, arguments->force));
      } else if (arguments->task == "recorded") {
        if (arguments->data.empty())
          text = small_recorded_study(write_companions(
              file, {{".csv", kRecordedRows}, {".json", kRecordedDescription}}, arguments->force));
        else
          text = recorded_study(arguments->data, data_or(""));
      }
      write_anew(arguments->file, text);
      std::printf("wrote %s; next: hone search %s\n", arguments->file.c_str(), arguments->file.c_str());
      return static_cast<int>(kDone);
    };
  });
}

}  // namespace hone::cli
