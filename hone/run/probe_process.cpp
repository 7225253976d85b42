#include "hone/run/probe_process.h"

#include <csignal>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <sys/wait.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/json.h"
#include "hone/run/process.h"

namespace hone::run {
namespace {

/// So many processes may die one after the other without having answered anything.
constexpr int kMostDeaths = 3;

}  // namespace

ProbeProcess::ProbeProcess(std::string program, std::string study_file, std::string files)
    : program_(std::move(program)),
      study_(std::move(study_file)),
      base_(std::move(files)),
      environment_(worker_environment()) {}

void ProbeProcess::add(std::size_t index, const space::Config& config) {
  std::string line;
  config.append_json(line);
  lines_.push_back(line);
  indices_.push_back(index);
}

bool ProbeProcess::turn(const Heard& heard) {
  if (answered_ == indices_.size()) return false;
  if (pid_ < 0) start();
  read(heard);
  int status = 0;
  if (answered_ < indices_.size() && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = -1;
    read(heard);
    if (answered_ < indices_.size()) died(heard, status);
  }
  return answered_ < indices_.size();
}

void ProbeProcess::stop() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void ProbeProcess::start() {
  std::string text;
  for (std::size_t i = answered_; i < lines_.size(); ++i) text += lines_[i] + "\n";
  write_file_atomic(base_ + ".configs", text);
  write_file_atomic(base_ + ".answers", "");
  read_ = 0;
  rest_.clear();
  before_ = answered_;
  pid_ = spawn({program_, "probe", study_, base_ + ".configs", base_ + ".answers"}, environment_,
               base_ + ".log");
}

void ProbeProcess::read(const Heard& heard) {
  std::ifstream stream(base_ + ".answers", std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(read_));
  std::ostringstream fresh;
  fresh << stream.rdbuf();
  read_ += fresh.str().size();
  rest_ += fresh.str();
  std::size_t at = 0;
  for (std::size_t end = 0; (end = rest_.find('\n', at)) != std::string::npos && answered_ < indices_.size();
       at = end + 1) {
    const Json json = parse_json(rest_.substr(at, end - at), "a probe's answer");
    ProbeAnswer answer;
    if (json.contains("failure")) answer.failure = json["failure"].get<std::string>();
    answer.literal = json.value("literal", "");
    if (json.contains("floats"))
      for (const Json& value : json["floats"]) answer.floats.push_back(json_to_real(value));
    heard(indices_[answered_++], answer);
  }
  rest_.erase(0, at);
}

/// The config at which it died is no one's; the next process begins behind it.
void ProbeProcess::died(const Heard& heard, int status) {
  const std::string said = file_tail(base_ + ".log", 3);
  deaths_ = answered_ == before_ ? deaths_ + 1 : 1;
  const bool refused = WIFEXITED(status) && WEXITSTATUS(status) != 0;
  if ((refused && answered_ == 0) || deaths_ >= kMostDeaths)
    throw environment_error(fmt::format("{} cannot probe: {}", program_, said.empty() ? "it died" : said));
  heard(indices_[answered_++],
        ProbeAnswer{{},
                    WIFSIGNALED(status) ? fmt::format("its process was killed by signal {}", WTERMSIG(status))
                                        : "its process ended",
                    ""});
}

}  // namespace hone::run
