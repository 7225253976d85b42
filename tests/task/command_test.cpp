// The task's descriptor: options, arguments, environment, identity, and what it says of mistakes.
#include <sched.h>

#include "command_bench.h"
#include "hone/run/study_file.h"

namespace hone::task {
namespace {

using test::CommandBench;

CommandOptions options_of(const Json& given) {
  return CommandOptions(Options(CommandOptions::specs(), given));
}

/// What `body` throws, as text.
template <typename Body>
std::string error_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string variable(const std::vector<std::string>& environment, const std::string& name) {
  for (const auto& entry : environment)
    if (entry.starts_with(name + "=")) return entry.substr(name.size() + 1);
  return "(unset)";
}

const space::Config kConfig{
    {{"lr", 0.001}, {"width", std::int64_t{64}}, {"mixer.0", std::string("a b")}, {"tied", true}}};

TEST(CommandArguments, FillPlaceholders) {
  RunContext context;
  context.trial = 7;
  context.to = 10;
  context.checkpoint = "/c";
  const auto arguments =
      command_arguments(options_of({{"run",
                                     {"./p", "--lr={lr}", "{width}x{width}", "{mixer.0}", "{{{tied}}}",
                                      "{trial}/{fidelity}", "{checkpoint}"}}}),
                        kConfig, context);
  EXPECT_EQ(arguments,
            (std::vector<std::string>{"./p", "--lr=0.001", "64x64", "a b", "{true}", "7/10", "/c"}));
}

TEST(CommandArguments, AppendWhatIsNotMentioned) {
  EXPECT_EQ(command_arguments(options_of({{"run", {"p", "{lr}"}}, {"arguments", "equals"}}), kConfig, {}),
            (std::vector<std::string>{"p", "0.001", "--width=64", "--mixer.0=a b", "--tied=true"}));
  EXPECT_EQ(command_arguments(options_of({{"run", {"p", "{lr}", "{mixer.0}{tied}"}}, {"arguments", "space"}}),
                              kConfig, {}),
            (std::vector<std::string>{"p", "0.001", "a btrue", "--width", "64"}));
}

TEST(CommandArguments, InactiveParametersTakeTheirArgumentAlong) {
  const auto options = options_of(
      {{"run",
        {"p", "--tokens", "{tokens}", "--tokens={tokens}", "x{tokens}", "plain", "{tokens}", "-v", "{lr}"}}});
  EXPECT_EQ(command_arguments(options, kConfig, {}), (std::vector<std::string>{"p", "plain", "-v", "0.001"}));
}

TEST(CommandEnvironment, TellsTheConfigAndThePlace) {
  RunContext context;
  context.trial = 7;
  context.attempt = 2;
  context.seed = 3;
  context.from = 4;
  context.to = 10;
  context.horizon = 90;
  context.folder = "/f";
  context.cores = {0, 1};
  context.gpus = {"2", "3"};
  const auto environment = command_environment(
      options_of({{"run", "p"}, {"gpus", 2}, {"environment", {"LEVEL=O{width}", "OMP_NUM_THREADS=5"}}}),
      kConfig, context);
  EXPECT_EQ(variable(environment, "HONE_PARAM_LR"), "0.001");
  EXPECT_EQ(variable(environment, "HONE_PARAM_MIXER_0"), "a b");
  EXPECT_EQ(Json::parse(variable(environment, "HONE_CONFIG"))["width"], 64);
  EXPECT_EQ(variable(environment, "HONE_TRIAL"), "7");
  EXPECT_EQ(variable(environment, "HONE_ATTEMPT"), "2");
  EXPECT_EQ(variable(environment, "HONE_SEED"), "3");
  EXPECT_EQ(variable(environment, "HONE_FROM"), "4");
  EXPECT_EQ(variable(environment, "HONE_FIDELITY"), "10");
  EXPECT_EQ(variable(environment, "HONE_HORIZON"), "90");
  EXPECT_EQ(variable(environment, "HONE_FOLDER"), "/f");
  EXPECT_EQ(variable(environment, "HONE_CHECKPOINT"), "(unset)");
  EXPECT_EQ(variable(environment, "HONE_PROBE"), "(unset)");
  EXPECT_EQ(variable(environment, "CUDA_VISIBLE_DEVICES"), "2,3");
  EXPECT_EQ(variable(environment, "MKL_NUM_THREADS"), "2");
  EXPECT_EQ(variable(environment, "OMP_NUM_THREADS"), "5") << "the user's word goes last";
  EXPECT_EQ(variable(environment, "LEVEL"), "O64");
  EXPECT_NE(variable(environment, "PATH"), "(unset)");
}

TEST(CommandTask, SaysWhatIsWrongAndWhere) {
  const test::Folder folder;
  folder.write("plain.txt", "x");
  std::filesystem::create_directory(folder.file("dir"));
  const auto prepare = [&](const std::string& task, const std::string& space = "lr = { real = [0, 1] }") {
    folder.write("s.toml", "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"command\"\n" + task +
                               "\n[space]\n" + space +
                               "\n[search]\nscheduler = { kind = \"fixed\", steps = 1 }\n");
    return error_of([&] { run::StudyFile::read(folder.file("s.toml")).task->prepare(); });
  };
  const auto says = [&](const std::string& task, const std::string& what) {
    const std::string error = prepare(task);
    EXPECT_NE(error.find("s.toml:5: task."), std::string::npos) << error;
    EXPECT_NE(error.find(what), std::string::npos) << error;
  };
  EXPECT_EQ(prepare("run = [\"sh\", \"-c\", \"exit {lr}\"]"), "no error");
  says("run = [\"./nowhere\"]", "there is no program './nowhere'");
  says("run = [\"./plain.txt\"]", "not executable; chmod +x ./plain.txt");
  says("run = [\"./dir\"]", "is no file");
  says("run = [\"plain.txt\"]", "write ./plain.txt for the file beside the study file");
  says("run = \"python train.py\"", "as a list");
  says("run = []", "names no program");
  says("run = [\"sh\", \"{rl}\"]", "{rl} is no parameter of the space; did you mean 'lr'? allowed: lr");
  says("run = [\"sh\", \"{lr\"]", "opens a brace");
  says("run = [\"sh\", \"lr}\"]", "closes a brace");
  EXPECT_NE(prepare("run = \"sh\"\nmemory = \"lots\"").find("s.toml:6: task.memory"), std::string::npos);
  EXPECT_NE(prepare("run = \"sh\"\nmemory = 2")
                .find("s.toml:6: task.memory: 2 bytes are out of range; allowed: >= 1024; a size may"),
            std::string::npos);
  EXPECT_NE(prepare("run = \"sh\"\nmemory = \"inf GB\"").find("s.toml:6: task.memory"), std::string::npos);
  EXPECT_EQ(prepare("run = \"sh\"\nmemory = 2e9"), "no error");
  EXPECT_NE(prepare("run = \"sh\"\ninputs = [\"gone.csv\"]").find("s.toml:6: task.inputs"),
            std::string::npos);
  EXPECT_NE(prepare("run = \"sh\"\nenvironment = [\"NAME\"]").find("no NAME=value"), std::string::npos);
  EXPECT_NE(prepare("run = \"sh\"\nprobe_unseen = [\"l\"]").find("task.probe_unseen"), std::string::npos);
  EXPECT_NE(prepare("run = \"sh\"\nstop_signal = \"SIGTREM\"").find("did you mean 'SIGTERM'"),
            std::string::npos);
  EXPECT_NE(prepare("run = \"sh\"", "lr = [1, 2]\nLR = [1, 2]").find("HONE_PARAM_LR"), std::string::npos);
}

TEST(CommandTask, SizesAreTextsWithAUnitOrBytes) {
  const auto options = [](const Json& given) {
    return CommandOptions(Options(CommandOptions::specs(), given));
  };
  EXPECT_EQ(options({{"run", "sh"}, {"memory", "2 GB"}}).rules.memory_bytes, 2e9);
  EXPECT_EQ(options({{"run", "sh"}, {"memory", 2000000000}}).rules.memory_bytes, 2e9);
  EXPECT_EQ(options({{"run", "sh"}}).output_bytes, 1 << 20);
  EXPECT_EQ(options({{"run", "sh"}, {"output", 4096}}).output_bytes, 4096);
}

TEST(CommandTask, ReportsWhatTheStudyNames) {
  const auto task_of = [](const Json& options) {
    return CommandTask(Options(CommandOptions::specs(), options), "/");
  };
  const auto names = [](const CommandTask& task) {
    std::vector<std::string> list;
    for (const auto& measure : task.measures()) list.push_back(measure.name);
    return list;
  };
  const auto any = task_of({{"run", "sh"}});
  EXPECT_TRUE(any.any_measure());
  EXPECT_EQ(names(any), (std::vector<std::string>{"seconds", "cpu_s", "memory_bytes"}));
  const auto listed = task_of({{"run", "sh"}, {"metrics", {"loss", "cpu_s"}}, {"costs", {"size_bytes"}}});
  EXPECT_FALSE(listed.any_measure());
  EXPECT_EQ(names(listed),
            (std::vector<std::string>{"loss", "cpu_s", "size_bytes", "seconds", "memory_bytes"}));
  EXPECT_TRUE(listed.measures()[2].unshared);
  EXPECT_FALSE(listed.measures()[0].unshared);

  const auto parse = [](const std::string& metrics) {
    return run::StudyFile::parse(
        "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"command\"\nrun = \"sh\"\n" + metrics +
            "[space]\na = [1, 2]\n[limits]\nsize = { max = 3 }\n[search]\n"
            "scheduler = { kind = \"fixed\", steps = 1 }\n",
        "/tmp/s.toml");
  };
  EXPECT_EQ(parse("").limits.size(), 1u);
  EXPECT_NE(error_of([&] { parse("metrics = [\"lost\"]\n"); }).find("does not report 'loss'"),
            std::string::npos);
}

TEST(CommandTask, NamesTheFilesThatChanged) {
  const test::Folder folder;
  for (const char* file : {"train.py", "a, b.csv", "c.csv"}) folder.write(file, "one");
  const auto parse = [&](const std::string& inputs) {
    return run::StudyFile::parse(
        "[study]\nminimize = [\"loss\"]\n[task]\nkind = \"command\"\nrun = [\"python3\", \"train.py\"]\n"
        "inputs = [" +
            inputs + "]\n[space]\na = [1, 2]\n[search]\nscheduler = { kind = \"fixed\", steps = 1 }\n",
        folder.file("s.toml"));
  };
  const std::string both = "\"a, b.csv\", \"c.csv\"";
  const std::string before = parse(both).task->data_identity();
  EXPECT_EQ(parse(both).changed_data(before), "");
  folder.write("train.py", "two");
  EXPECT_EQ(parse(both).changed_data(before), "task command: 'train.py' has changed");
  folder.write("a, b.csv", "two");
  EXPECT_EQ(parse("\"a, b.csv\"").changed_data(before),
            "task command: 'a, b.csv' has changed, 'c.csv' belongs to it no longer, 'train.py' has changed");
  EXPECT_EQ(parse(both).changed_data("another"), "task command: its data is not what it was");
}

TEST(CommandTask, ItsFilesAreItsIdentity) {
  const test::Folder folder;
  for (const char* file : {"train.py", "data.csv", "other.txt"}) folder.write(file, "one");
  const auto identity = [&](const Json& options) {
    return CommandTask(Options(CommandOptions::specs(), options), folder.path()).data_identity();
  };
  const Json script{{"run", {"python3", "-u", "train.py", "other.txt"}}, {"inputs", {"data.csv"}}};
  const std::string before = identity(script);
  EXPECT_NE(before.find("train.py"), std::string::npos);
  EXPECT_NE(before.find("data.csv"), std::string::npos);
  folder.write("other.txt", "two");
  EXPECT_EQ(identity(script), before) << "only the script, not what comes after it";
  folder.write("data.csv", "two");
  const std::string after = identity(script);
  EXPECT_NE(after, before);
  folder.write("train.py", "two");
  EXPECT_NE(identity(script), after);
  EXPECT_EQ(identity({{"run", {"true"}}}), "") << "programs of the system are not the study's";
  EXPECT_NE(identity({{"run", {"./train.py"}}}), "");
}

TEST(CommandTask, TheProbeSeesWhatIsNotListed) {
  const auto literal = [](const Json& options, const space::Config& config) {
    return CommandTask(Options(CommandOptions::specs(), options), "/").unseen_by_probe(config);
  };
  EXPECT_FALSE(literal({{"run", "sh"}}, kConfig));
  const Json probed{{"run", "sh"}, {"probe", true}, {"probe_unseen", {"lr", "mixer"}}};
  space::Config other{{{"lr", 0.001}, {"width", std::int64_t{32}}, {"mixer.0", std::string("a b")}}};
  EXPECT_EQ(literal(probed, kConfig), literal(probed, other)) << "width is seen by the probe";
  other = space::Config{{{"lr", 0.002}, {"mixer.0", std::string("a b")}}};
  EXPECT_NE(literal(probed, kConfig), literal(probed, other));
  other = space::Config{{{"lr", 0.001}, {"mixer.0", std::string("c")}}};
  EXPECT_NE(literal(probed, kConfig), literal(probed, other));
}

TEST(CommandTask, IsListedWithItsOptions) {
  const auto* method = methods().find("task", "command");
  ASSERT_NE(method, nullptr);
  ASSERT_NE(methods().find("evaluator", "command"), nullptr);
  for (const auto& option : method->info.options) EXPECT_FALSE(option.summary.empty()) << option.name;
}

}  // namespace
}  // namespace hone::task
