#include <cstdio>
#include <filesystem>

#include "command.h"
#include "command_template.h"
#include "hone/base/files.h"

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

}  // namespace

void add_init(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("init", "Write a commented study file from a template");
  command->footer("Example:\n  hone init shakespeare.toml --data tinyshakespeare.txt");
  struct Arguments {
    std::string file = "study.toml", task = "text", data;
    bool force = false;
  };
  auto arguments = std::make_shared<Arguments>();
  command->add_option("FILE", arguments->file, "The file to write")->capture_default_str();
  command
      ->add_option("--task,--template", arguments->task,
                   "Which template: text, image, command (with a program beside it) or function")
      ->check(CLI::IsMember({"text", "image", "command", "function"}))
      ->capture_default_str();
  command->add_option(
      "--data", arguments->data,
      "The task's data: text (default: /usr/share/common-licenses), or images (default: shapes, "
      "which are drawn)");
  command->add_flag("--force", arguments->force,
                    "Also where a file is there already, which is kept as FILE.old");
  command->callback([arguments, &action] {
    action = [arguments] {
      if (std::filesystem::exists(arguments->file) && !arguments->force)
        throw Error("the file exists", Place{arguments->file, 0, ""}, "give another name, or --force");
      std::string text = arguments->task == "text"      ? kTextTemplate
                         : arguments->task == "image"   ? kImageTemplate
                         : arguments->task == "command" ? kCommandTemplate
                                                        : kFunctionTemplate;
      if (const auto at = text.find("@PROGRAM@"); at != std::string::npos) {
        const auto program = std::filesystem::path(arguments->file).replace_extension(".sh");
        if (std::filesystem::exists(program) && !arguments->force)
          throw Error("the file exists", Place{program.string(), 0, ""},
                      "the study would run it; give another name, or --force");
        text.replace(at, 9, quoted(program.filename().string()));
        write_anew(program.string(), kCommandProgram);
        std::printf("wrote %s\n", program.c_str());
      }
      if (const auto at = text.find("@DATA@"); at != std::string::npos) {
        // Data given on the command line is meant from here; the file says it from where it stands.
        std::filesystem::path data = arguments->data;
        const bool own = !data.empty();
        if (!own) data = arguments->task == "image" ? "shapes" : "/usr/share/common-licenses";
        const auto folder = std::filesystem::absolute(arguments->file).parent_path();
        if (own && !data.is_absolute()) data = std::filesystem::absolute(data).lexically_relative(folder);
        text.replace(at, 6, quoted(data.string()));
      }
      write_anew(arguments->file, text);
      std::printf("wrote %s; next: hone search %s\n", arguments->file.c_str(), arguments->file.c_str());
      return static_cast<int>(kDone);
    };
  });
}

}  // namespace hone::cli
