// The worker processes of a session, and what each is given. For the files of this room only.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "hone/run/study_file.h"

namespace hone::run {

/// The worker processes of one session.
class Crew {
 public:
  /// `command`: a worker's; logs go to `folder`.
  Crew(std::vector<std::string> command, std::string folder);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// arguments: further ones for workers of this name, also when one is started anew.
  void start(const std::string& name, const std::vector<std::string>& arguments);

  struct Left {
    std::string name;
    std::string log;
    int status = 0;    ///< as waitpid gives it
    std::string said;  ///< its last lines
  };
  /// Those that have ended since the last call.
  std::vector<Left> reap();

  std::size_t size() const { return members_.size(); }

  /// Asks all to save and end, waits, and kills who has not.
  void stop(double grace_s, const std::function<bool()>& killed);

 private:
  struct Member {
    pid_t pid;
    std::string name;
    std::string log;
    std::uintmax_t log_from;  ///< where this process's lines begin
  };
  std::vector<std::string> command_;
  std::string folder_;
  std::map<std::string, std::string> environment_;
  std::vector<Member> members_;
};

/// How many workers run, and what each is given.
struct Places {
  std::int64_t workers = 1;
  std::vector<std::string> cores;  ///< by worker, "0,1"; empty: any for all
  std::vector<std::string> gpus;

  /// The arguments of worker `index`.
  std::vector<std::string> arguments(std::size_t index) const;
};

/// wanted: how many workers, or 0. Throws Error where the machine is too small for what a trial needs.
Places share_out(const StudyFile& file, std::int64_t wanted);

}  // namespace hone::run
