#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "hone/base/json.h"
#include "hone/schedule/scheduler.h"
#include "hone/space/space.h"

namespace hone::run {

/// A method of another library that an adapter speaks for (docs/bench.md has the lines they exchange).
struct PeerMethod {
  std::string name;                   ///< "optuna_tpe"
  std::string summary;                ///< one sentence
  std::string method;                 ///< what the adapter calls it
  std::string program;                ///< the interpreter
  std::string adapter;                ///< the adapter's file
  std::string version;                ///< of the library and its adapter: "optuna 5.0.0+1f0c88a2"
  std::string lacks;                  ///< why it cannot run here, and what to do; "" where it can
  bool fidelity = false;              ///< decides how far trials go, too
  bool several = false;               ///< takes several objectives
  bool limits = false;                ///< takes what limits are kept by, or broken
  std::int64_t max_trials = 1000000;  ///< slow ones get no more
  std::int64_t max_seeds = 1000000;
  double answer_s = 900.0;  ///< how long an answer may take
};

/// The methods of a folder of adapters, by its peers.json; those that are not installed say so in `lacks`.
/// Throws Error where there is no such folder or the list is malformed.
std::vector<PeerMethod> peer_methods(const std::string& folder);

/// What a run of a peer is about.
struct PeerStart {
  space::Space space;
  std::size_t objectives = 1;
  std::size_t limits = 0;  ///< values of a tell that say by how much each is broken
  std::uint64_t seed = 0;
  std::int64_t trials = 0;  ///< the budget
  std::int64_t workers = 1;
  std::vector<std::int64_t> rungs = {1};
  bool seconds = false;  ///< every tell says how long the evaluation took
  std::function<bool()> interrupted = {};
};

/// Throws Error (environment) "interrupted" where `interrupted` is given and says so.
void stop_if(const std::function<bool()>& interrupted);

/// What a peer cannot do, in its own words: a reason to skip it, no fault.
class PeerUnable : public Error {
 public:
  using Error::Error;
};

/// A peer gave no answer in time.
class PeerHung : public Error {
 public:
  using Error::Error;
};

/// A running adapter: a process of its own that dies with this one and does not see the terminal's Ctrl-C.
/// What it measures (milliseconds) is its own work, without the lines' way. Every call throws Error where it
/// ended or answered nonsense (with the end of what it said), PeerHung where it does not answer, PeerUnable
/// where it refuses, and Error (environment) "interrupted" where `interrupted` says so. Not thread safe.
class Peer {
 public:
  Peer(const PeerMethod& method, PeerStart start);
  /// Another run in the same process, from nothing: the libraries need not be loaded again.
  void begin(PeerStart start);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const std::string& version() const { return version_; }  ///< "optuna 5.0.0"

  struct Asked {
    /// Canonical; nullopt: nothing until something is told, and where nothing runs, nothing more.
    std::optional<space::Config> config = {};
    std::int64_t trial = 0;  ///< the given number, or of a method that decides on fidelity its own
    std::int64_t to = 0;     ///< how far; 0: to the end
    double ms = 0.0;
  };
  Asked ask(std::int64_t number);
  /// The trial ended at its target: oriented values, or nothing where it failed; and, if it was started with
  /// limits, by how much each is broken (at most 0: it is kept), if with seconds, how many it took since it
  /// was asked for. Returns milliseconds.
  double tell(std::int64_t trial, const std::optional<std::vector<double>>& values,
              const std::vector<double>& excess = {}, double seconds = 0.0);
  /// Finished trials that it is given instead of being asked for them: configs and their oriented values.
  void fill(const std::vector<space::Config>& configs, const std::vector<std::vector<double>>& values);
  struct Judged {
    schedule::Scheduler::Verdict verdict = schedule::Scheduler::Verdict::go_on;
    double ms = 0.0;
  };
  Judged report(std::int64_t trial, std::int64_t fidelity, const std::vector<double>& values);

 private:
  Json exchange(const Json& request);
  std::optional<std::string> line();
  void end();
  template <class Broken = Error>
  [[noreturn]] void broken(const std::string& how);
  /// Of an answer: what `name` says, `fallback` where it is not there.
  double milliseconds(const Json& answer);
  std::int64_t whole(const Json& answer, const char* name, std::int64_t fallback);

  PeerMethod method_;
  PeerStart start_;
  std::string version_;
  std::string read_;  ///< bytes after the last line
  int socket_ = -1;
  int said_ = -1;  ///< a file without a name, for standard error
  pid_t pid_ = -1;
};

/// The space as adapters read it: one object a parameter, those tied to another left out. Conditions and
/// constraints are not told: what is inactive is dropped from a peer's config, what is infeasible fails.
Json peer_space(const space::Space& space);
/// A peer's assignment as a canonical config.
space::Config peer_config(const space::Space& space, const Json& assignment);

}  // namespace hone::run
