#include "hone/run/identity_notes.h"

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::run {
namespace {

/// By which of its keys a searcher's tabu list and functional-change mutation know a config.
std::string novelty_note(const StudyFile& file) {
  const auto& options = file.searcher_options;
  if (!(options.has("tabu") && options.flag("tabu")) &&
      !(options.has("functional_change") && options.flag("functional_change")))
    return {};
  const char* by = "the config itself, since the task has neither probe nor graph";
  try {
    Rng rng(file.seed, "explain");
    const space::Config config = file.space.sample(rng);
    if (file.identity.keys() && file.task->unseen_by_probe(config))
      by = "the functional key, by the task's probe";
    else if (file.identity.keys() && file.task->graph(config))
      by = "the structural key, since the task has no probe";
    else if (!file.identity.keys())
      by = "the config itself, since identity is off";
  } catch (const Error&) {
    by = "what its task tells of it";
  }
  return fmt::format("identity: tabu and functional_change know a config by {}", by);
}

}  // namespace

std::vector<std::string> identity_notes(const StudyFile& file) {
  const identity::Settings& identity = file.identity;
  std::vector<std::string> notes;
  if (const std::string note = novelty_note(file); !note.empty()) notes.push_back(note);
  if (!identity.keys()) return notes;
  std::string how = fmt::format(
      "identity: a probe's floats keep {} bits of their mantissa; {} functions are "
      "remembered, then the one proposed least recently is forgotten",
      identity.rounding(file.task->rounding()).mantissa_bits, identity.entries);
  if (identity.policy == identity::Policy::forget)
    how += fmt::format("; each use forgets the result with probability {}", identity.forget);
  if (identity.policy == identity::Policy::average)
    how += fmt::format("; a function is evaluated up to {} times", identity.evaluations);
  notes.push_back(how);
  if (identity.own_seeds()) notes.push_back(fmt::format("identity: every evaluation has its own seed"));
  if (identity.give_up > 0)
    notes.push_back(fmt::format("identity: after {} known functions in a row nothing more is proposed",
                                identity.give_up));
  return notes;
}

}  // namespace hone::run
