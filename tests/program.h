#pragma once

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/files.h"

namespace hone::test {

/// A folder of a test's own, removed with it.
class Folder {
 public:
  const std::string& path() const { return scratch_.path(); }
  std::string file(const std::string& name) const { return path() + "/" + name; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(file(name)) << text; }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(file(name)).rdbuf();
    return text.str();
  }

 private:
  ScratchFolder scratch_{"hone-test"};
};

/// A run of the program `hone` as built, in a folder.
class Program {
 public:
  Program(const Folder& folder, std::vector<std::string> arguments) : folder_(folder) {
    static int runs = 0;
    out_ = "out" + std::to_string(runs);
    err_ = "err" + std::to_string(runs++);
    arguments.insert(arguments.begin(), std::string(HONE_PROGRAMS) + "/hone");
    pid_ = ::fork();
    if (pid_ == 0) {
      if (::chdir(folder.path().c_str()) != 0) ::_exit(99);
      ::setenv("HONE_LOCK_DIR", folder.path().c_str(), 1);
      const int out = ::open(out_.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0666);
      const int err = ::open(err_.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0666);
      ::dup2(out, 1);
      ::dup2(err, 2);
      std::vector<char*> argv;
      for (auto& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(98);
    }
  }
  ~Program() {
    if (!ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Waits for the end and returns the exit status; -signal where it was killed.
  int status() {
    if (!ended_) {
      int status = 0;
      ::waitpid(pid_, &status, 0);
      ended_ = true;
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    return status_;
  }
  void signal(int number) const { ::kill(pid_, number); }
  pid_t pid() const { return pid_; }
  std::string out() {
    status();
    return folder_.read(out_);
  }
  /// What it has printed so far.
  std::string out_so_far() const { return folder_.read(out_); }
  std::string err() {
    status();
    return folder_.read(err_);
  }

 private:
  const Folder& folder_;
  std::string out_, err_;
  pid_t pid_ = 0;
  bool ended_ = false;
  int status_ = 0;
};

inline double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Waits until `condition` holds; false after `limit` seconds.
template <typename Condition>
bool wait_until(Condition condition, double limit = 30.0) {
  for (const double end = seconds() + limit; seconds() < end; ::usleep(5000))
    if (condition()) return true;
  return false;
}

}  // namespace hone::test
