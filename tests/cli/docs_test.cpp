// The examples of the docs, run as they are written.
#include <regex>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/run/worker.h"

namespace hone {
namespace {

using test::Folder;

const std::filesystem::path kRoot = std::filesystem::path(__FILE__).parent_path() / "../..";

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// The fenced blocks of a page that are in `language` ("": in none).
std::vector<std::string> blocks(const std::string& page, const std::string& language) {
  const std::string text = text_of(kRoot / "docs" / page);
  std::vector<std::string> found;
  for (std::size_t at = text.find("```"); at != std::string::npos; at = text.find("```", at)) {
    const std::size_t line = text.find('\n', at), end = text.find("```", line);
    if (line == std::string::npos || end == std::string::npos) break;
    if (text.substr(at + 3, line - at - 3) == language)
      found.push_back(text.substr(line + 1, end - line - 1));
    at = end + 3;
  }
  return found;
}

TEST(Docs, StudyFilesAreRead) {
  int spaces = 0, studies = 0;
  for (const std::string page : {"study-file.md", "command.md"})
    for (const std::string& block : blocks(page, "toml")) {
      const bool whole = block.find("[study]") != std::string::npos;
      const bool headed = block.starts_with("[");
      try {
        const Node root = Node::parse_toml(headed ? block : "[space]\n" + block, page);
        if (whole)
          run::StudyFile::parse(block, page);
        else if (root.has("space"))
          space::Space::from_document(root["space"]);
      } catch (const Error& error) {
        // A reader's own data is only named.
        if (error.message().find("there is no such file") == std::string::npos)
          ADD_FAILURE() << error.what() << "\n" << block;
      }
      ++(whole ? studies : spaces);
    }
  EXPECT_GE(spaces, 5);
  EXPECT_GE(studies, 1);
}

/// The example's study with trials as if it had been searched for a while: 17 and 18 have failed.
void make_study(const Folder& folder) {
  const run::StudyFile file = run::StudyFile::read(folder.file("licences.toml"));
  std::filesystem::create_directories(file.home());
  auto store = study::open_store(file.default_store());
  study::Study::create(*store, file.header());
  run::Optimizer optimizer(run::setup_of(file, "w0"), store);
  while (optimizer.study().size() < 25) {
    const auto job = optimizer.ask();
    ASSERT_TRUE(job.has_value());
    const double width = static_cast<double>(job->config.integer("width"));
    if (job->trial == 17 || job->trial == 18)
      optimizer.end(*job, study::TrialState::failed, "over its time limit of 1:00", 1.0, {}, false, "time");
    else
      optimizer.tell(*job, {{"bits_per_char", 3.0 + 10.0 / width}, {"latency_s", 1e-5 * width}}, 0.1);
  }
  while (const auto job = optimizer.ask()) {
    if (optimizer.study().size() > 30) {
      optimizer.give_back(*job);
      break;
    }
    optimizer.tell(*job, {{"bits_per_char", 4.0}, {"latency_s", 1e-3}}, 0.1);
  }
}

TEST(Docs, CommandsOfTrialsRun) {
  if (!std::filesystem::exists("/usr/share/common-licenses"))
    GTEST_SKIP() << "the example's data is not here";
  const Folder folder;
  folder.write("licences.toml", text_of(kRoot / "examples/licences.toml"));
  make_study(folder);
  folder.write("configs.jsonl",
               R"({"lr": 0.02, "width": 32, "heads": 2, "mixer": ["none", "none", "none", "none"], )"
               R"("norm": "layer"})"
               "\n");
  int commands = 0;
  for (const std::string& block : blocks("trials.md", "")) {
    std::istringstream lines(block);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("hone ")) continue;
      // As it would be answered on a terminal, and a store that only the reader has.
      if (line.starts_with("hone trial delete")) line += " --yes";
      line = std::regex_replace(line, std::regex("sqlite:/data/study"), "sqlite:licences.hone/study");
      const std::string shell = fmt::format("cd '{}' && PATH='{}':\"$PATH\" && ({}\n) >out 2>&1",
                                            folder.path(), HONE_PROGRAMS, line);
      const int status = std::system(shell.c_str());
      EXPECT_EQ(status, 0) << line << "\n" << folder.read("out");
      ++commands;
    }
  }
  EXPECT_GE(commands, 15);
}

}  // namespace
}  // namespace hone
