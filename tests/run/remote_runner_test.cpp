#include "hone/run/remote_runner.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/graph/graph.h"
#include "hone/run/process.h"
#include "hone/run/runner.h"

namespace hone::run {
namespace {

using test::Folder;
using test::Program;

graph::Graph small_graph() {
  graph::Graph graph;
  const int x = graph.input("x", {2, 8}, graph::DataType::float32);
  graph.output(graph.add("linear", {{"out", std::int64_t{4}}}, {x}, "y"));
  return graph;
}

RunnerOptions quick() {
  RunnerOptions options;
  options.hello_s = 10.0;
  options.measure_s = 20.0;
  options.repeats = 3;
  options.seconds = 0.05;
  return options;
}

std::string own_runner() {
  return "'" + std::string(HONE_PROGRAMS) + "/hone' cost runner --engine interpreter";
}

/// A runner of a few lines of shell: what it greets with, and what it answers to a measurement.
std::string shell_runner(const std::string& greeting, const std::string& answer) {
  return "read line; printf '%s\\n' '" + greeting + "'; read line; " + answer;
}
constexpr const char* kGreeting = R"({"type": "hello", "protocol": 1, "device": {"name": "board"}})";

std::string message_of(const std::string& command, RunnerOptions options, bool* alive = nullptr) {
  try {
    RemoteRunner runner(command, options);
    try {
      const RunnerResult result = runner.measure(small_graph());
      return "measured " + std::to_string(result.seconds);
    } catch (const Error& error) {
      if (alive != nullptr) *alive = runner.alive();
      return error.what();
    }
  } catch (const Error& error) {
    return std::string("greeting: ") + error.what();
  }
}

TEST(RemoteRunner, MeasuresOverARealPipe) {
  RemoteRunner runner(own_runner(), quick());
  EXPECT_FALSE(runner.device()["name"].get<std::string>().empty());
  const RunnerResult result = runner.measure(small_graph());
  EXPECT_GT(result.seconds, 0.0);
  EXPECT_LT(result.seconds, 1.0);
  EXPECT_GT(result.repeats, 0);
  EXPECT_EQ(result.engine, "interpreter");
  EXPECT_TRUE(runner.alive());
  EXPECT_GT(runner.measure(small_graph()).seconds, 0.0);
}

/// A real sshd of this user's own on a free port of the loopback, and what a client needs to reach it as
/// "board".
class Sshd {
 public:
  explicit Sshd(const Folder& folder) {
    const auto run = [](const std::string& command) {
      return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
    };
    for (const char* key : {"host", "user"})
      if (!run("ssh-keygen -q -t ed25519 -N '' -f '" + folder.file(key) + "'")) return;
    folder.write("authorized_keys", folder.read("user.pub"));
    ::mkdir("/run/sshd", 0755);  // as root it wants this folder; else it may not be made
    const int port = free_port();
    folder.write(
        "sshd_config",
        fmt::format("Port {}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nUsePAM no\n"
                    "PasswordAuthentication no\nStrictModes no\nPidFile none\n"
                    "SetEnv PATH=/usr/bin:/bin:\"{}\"\n",
                    port, folder.file("host"), folder.file("authorized_keys"), HONE_PROGRAMS));
    config_ = folder.file("config");
    folder.write("config", fmt::format("Host board\nHostName 127.0.0.1\nPort {}\nIdentityFile {}\n"
                                       "IdentitiesOnly yes\nStrictHostKeyChecking no\n"
                                       "UserKnownHostsFile /dev/null\nLogLevel ERROR\nConnectTimeout 5\n",
                                       port, folder.file("user")));
    if (::access("/usr/sbin/sshd", X_OK) != 0) return;
    server_ = spawn({"/usr/sbin/sshd", "-D", "-e", "-f", folder.file("sshd_config")}, {}, folder.file("log"));
    for (int tries = 0; tries < 100 && !ready_; ++tries) {
      ready_ = run("ssh -F '" + config_ + "' -o BatchMode=yes -T board true");
      if (!ready_) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  ~Sshd() {
    if (server_ <= 0) return;
    ::kill(server_, SIGTERM);
    ::waitpid(server_, nullptr, 0);
  }
  bool ready() const { return ready_; }
  /// What hone starts for --on board, with this server's configuration.
  std::string command() const {
    std::string command = RemoteRunner::command_of("board");
    const std::string begin = "exec ssh ";
    EXPECT_TRUE(command.starts_with(begin)) << command;
    return command.insert(begin.size(), "-F '" + config_ + "' ");
  }

 private:
  static int free_port() {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(listener);
    return ntohs(address.sin_port);
  }

  std::string config_;
  pid_t server_ = -1;
  bool ready_ = false;
};

TEST(RemoteRunner, MeasuresOverSsh) {
  const Folder folder;
  const Sshd sshd(folder);
  if (!sshd.ready()) GTEST_SKIP() << "no sshd can be started here: " << folder.read("log");
  RunnerOptions options = quick();
  options.measure_s = 60.0;
  RemoteRunner runner(sshd.command(), options);
  EXPECT_FALSE(runner.device()["name"].get<std::string>().empty());
  EXPECT_GT(runner.measure(small_graph()).seconds, 0.0);
  EXPECT_GT(runner.measure(small_graph()).seconds, 0.0) << "over the same connection";
  EXPECT_TRUE(runner.alive());
}

TEST(RemoteRunner, WhatIsOnIsAHostOrACommand) {
  EXPECT_EQ(RemoteRunner::command_of("pi@board"), "exec ssh -o BatchMode=yes -T 'pi@board' hone cost runner");
  EXPECT_EQ(RemoteRunner::command_of("no-such-board"),
            "exec ssh -o BatchMode=yes -T 'no-such-board' hone cost runner");
  EXPECT_EQ(RemoteRunner::command_of("adb shell runner"), "adb shell runner");
  EXPECT_EQ(RemoteRunner::command_of("./runner"), "./runner");
  EXPECT_EQ(RemoteRunner::command_of("sh"), "sh");
  EXPECT_THROW(RemoteRunner::command_of(""), Error);
  EXPECT_THROW(RemoteRunner::command_of("-oProxyCommand=x"), Error);
}

TEST(RemoteRunner, ALoginsWordsAreSkipped) {
  EXPECT_EQ(message_of("echo Welcome to the board; echo; " +
                           shell_runner(kGreeting,
                                        R"(echo '{"type": "result", "id": 1, "seconds": 0.5}'; read line)"),
                       quick()),
            "measured 0.500000");
}

TEST(RemoteRunner, FaultsOfTheOtherSideAreClear) {
  RunnerOptions options = quick();
  const auto contains = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  contains(message_of("echo 'no route to host' >&2; exit 3", options), "it ended with status 3");
  contains(message_of("echo 'no route to host' >&2; exit 3", options), "no route to host");
  contains(message_of("/no/such/program", options), "status 127");
  contains(message_of(shell_runner(R"({"type": "hello", "protocol": 7})", "true"), options), "protocol 7");
  contains(message_of(shell_runner(R"({"type": "what"})", "true"), options), "does not greet");
  contains(message_of(shell_runner(R"({"type": 3})", "true"), options), "does not greet");
  contains(message_of(shell_runner(R"({"type": "hello", "protocol": "1"})", "true"), options), "protocol 0");
  contains(message_of(shell_runner(kGreeting, "echo garbage; read line"), options), "no JSON: garbage");
  contains(
      message_of(shell_runner(kGreeting, R"(echo '{"type": "result", "seconds": -1}'; read line)"), options),
      "nonsense");
  contains(message_of(shell_runner(kGreeting, R"(echo '{"type": "result"}'; read line)"), options),
           "nonsense");
  contains(message_of(shell_runner(kGreeting, "kill -9 $$"), options), "killed by signal 9");
  bool alive = false;
  contains(
      message_of(shell_runner(kGreeting, R"(echo '{"type": "error", "message": "too large"}'; read line)"),
                 options, &alive),
      "too large");
  EXPECT_TRUE(alive) << "a design that cannot be measured is not the end";
  options.measure_s = 0.3;
  alive = true;
  contains(message_of(shell_runner(kGreeting, "sleep 30"), options, &alive), "did not come in");
  EXPECT_FALSE(alive);
  options.hello_s = 0.3;
  contains(message_of("sleep 30", options), "its greeting did not come");
  options.interrupted = [] { return true; };
  contains(message_of("sleep 30", options), "interrupted");
}

TEST(Runner, AnswersWhatItIsAsked) {
  int sockets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  std::thread serving([&] { serve_runner(sockets[1], sockets[1], interpreter_engine()); });
  std::string pending;
  const auto ask = [&](const std::string& line) {
    const std::string text = line + "\n";
    EXPECT_EQ(::write(sockets[0], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    char part[4096];
    while (pending.find('\n') == std::string::npos) {
      const ssize_t n = ::read(sockets[0], part, sizeof part);
      if (n <= 0) return Json();
      pending.append(part, static_cast<std::size_t>(n));
    }
    const Json answer = Json::parse(pending.substr(0, pending.find('\n')));
    pending.erase(0, pending.find('\n') + 1);
    return answer;
  };
  EXPECT_EQ(ask(R"({"type": "hello", "protocol": 1})")["protocol"], 1);
  EXPECT_EQ(ask("garbage")["type"], "error");
  EXPECT_EQ(ask("[1]")["type"], "error");
  EXPECT_NE(
      ask(R"({"type": "mesure", "id": 4})")["message"].get<std::string>().find("did you mean 'measure'"),
      std::string::npos);
  const Json no_graph = ask(R"({"type": "measure", "id": 5})");
  EXPECT_EQ(no_graph["id"], 5);
  EXPECT_EQ(no_graph["type"], "error");
  EXPECT_EQ(ask(R"({"type": "measure", "id": 6, "graph": {"nodes": 3}})")["type"], "error");
  const Json good =
      ask(Json{{"type", "measure"}, {"id", 7}, {"graph", small_graph().json()}, {"repeats", 3}}.dump());
  EXPECT_EQ(good["type"], "result") << good.dump();
  EXPECT_EQ(good["id"], 7);
  EXPECT_GT(good["seconds"].get<double>(), 0.0);
  EXPECT_GT(good["energy_j"].get<double>(), 0.0);
  EXPECT_NE(good["energy_from"], "") << "measured or modelled, it is said which";
  const std::string bye = "{\"type\": \"bye\"}\n";
  EXPECT_EQ(::write(sockets[0], bye.data(), bye.size()), static_cast<ssize_t>(bye.size()));
  serving.join();
  ::close(sockets[0]);
  ::close(sockets[1]);
}

TEST(CostMeasure, KeepsWhatWasMeasuredAndGoesOn) {
  const Folder folder;
  std::string text;
  for (int i = 1; i < 3000; ++i) text += std::to_string(i * 7919) + (i % 9 == 0 ? "\n" : " ");
  folder.write("text.txt", text);
  folder.write("s.toml",
               "[study]\nminimize = [\"bits_per_char\"]\n[task]\nkind = \"text\"\ndata = \"text.txt\"\n"
               "context = 8\nbatch = 2\n[space]\nwidth = { int = [32, 128], step = 32, default = 32 }\n"
               "[search]\nscheduler = { kind = \"fixed\", steps = 2 }\n");
  // A board that dies after two measurements.
  const std::string dying =
      "read line; printf '%s\\n' '" + std::string(kGreeting) +
      "'; for i in 1 2; do read line; printf '{\"type\": \"result\", \"id\": %d, \"seconds\": "
      "0.%d}\\n' $i $i; done; read line; echo 'out of power' >&2; exit 9";
  folder.write("dying.sh", dying);
  Program first(folder, {"cost", "measure", "s.toml", "--on", "sh ./dying.sh", "--designs", "4", "--out",
                         "m.jsonl", "--json"});
  EXPECT_EQ(first.status(), 3) << first.err();
  EXPECT_NE(first.err().find("ended with status 9"), std::string::npos) << first.err();
  EXPECT_NE(first.err().find("out of power"), std::string::npos) << first.err();
  EXPECT_EQ(Json::parse(first.out())["designs"].size(), 2u);
  // It was charged meanwhile. The last line was cut off.
  folder.write("dying.sh", "exec " + own_runner());
  folder.write("m.jsonl", folder.read("m.jsonl") + "{\"config\": {\"wid");
  const auto again = [&](const std::string& on, const std::string& batch) {
    return std::vector<std::string>{"cost", "measure", "s.toml",  "--on",      on,  "--designs",
                                    "4",    "--out",   "m.jsonl", "--repeats", "3", "--seconds",
                                    "0.05", "--json",  "--batch", batch};
  };
  Program second(folder, again("sh ./dying.sh", "1"));
  ASSERT_EQ(second.status(), 0) << second.err();
  const Json json = Json::parse(second.out());
  ASSERT_EQ(json["designs"].size(), 4u);
  int from_board = 0;
  for (const Json& design : json["designs"]) from_board += design["device"] == "board" ? 1 : 0;
  EXPECT_EQ(from_board, 2) << "those are not measured again";
  const auto boards = [&](const std::vector<std::string>& words) {
    Program program(folder, words);
    EXPECT_EQ(program.status(), 0) << program.err();
    const Json document = Json::parse(program.out());
    int board = 0;
    for (const Json& design : document["designs"]) board += design["device"] == "board" ? 1 : 0;
    return board;
  };
  EXPECT_EQ(boards(again("sh ./dying.sh", "2")), 0) << "another batch is another measurement";
  EXPECT_EQ(boards(again(own_runner(), "1")), 0) << "and so is another device";
  EXPECT_EQ(boards(again("sh ./dying.sh", "1")), 2);
  Program full(folder, {"cost", "measure", "s.toml", "--on", own_runner(), "--designs", "1", "--seconds",
                        "0.05", "--out", "/dev/full", "--json"});
  EXPECT_EQ(full.status(), 1) << full.err();
  EXPECT_EQ(full.err().find("what was measured is in"), std::string::npos) << full.err();
  Program nobody(folder, {"cost", "measure", "s.toml", "--on", "exit 4 #"});
  EXPECT_EQ(nobody.status(), 1) << nobody.err();
  EXPECT_NE(nobody.err().find("status 4"), std::string::npos) << nobody.err();
}

}  // namespace
}  // namespace hone::run
