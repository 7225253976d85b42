#pragma once

#include <any>
#include <string>
#include <vector>

#include "hone/base/error.h"
#include "hone/base/options.h"

namespace hone {

/// What a searcher or a scheduler can do, in a few words each: a row of the methods table. "": does not
/// apply.
struct Abilities {
  std::string objectives = "";  ///< "one", "several"
  /// Limits on measures: "ignored", "avoided" (what breaks one is never good), "avoided, by how much they are
  /// broken" (the less the better), "modelled" (each limit by its own model), "probability of
  /// success" (one model of all of them).
  std::string constraints = "";
  std::string conditions = "";  ///< parameters that are not always active: "yes", "filled in", ...
  std::string batch = "";       ///< asking while trials run: "independent", "running trials count", ...
  std::string fidelity = "";    ///< what it makes of results below the last fidelity
  std::string ask = "";         ///< what an ask costs, in trials n and parameters d: "O(1)", "O(n d)"
  std::string trials = "";      ///< for how many it is sensible: "10 to 1,000"
};

/// What a method says of itself: one row of `hone methods`, a section of the docs, and what the study file's
/// checker knows.
struct MethodInfo {
  std::string name;     ///< as the user writes it
  std::string summary;  ///< one sentence
  std::string paper;    ///< exact title; "" where it is no published method
  std::vector<OptionSpec> options = {};
  std::string traits = "";  ///< what else is worth knowing, in words
  std::string type =
      "";  ///< operator: what it takes and gives, "[.., in] -> [.., out]" (space/operator_type.h)
  Abilities abilities = {};
  /// Scheduler: the searcher that it brings along, where the study names none; "": the usual default. One
  /// that works with no other names it here and checks.
  std::string searcher = "";
  /// Searcher: it uses the user's prior and earlier studies in its own way (search/guided.h does it for
  /// others).
  bool guides_itself = false;
};

/// All methods of the program by kind ("searcher", "scheduler", "task", "evaluator", "operator", "space",
/// "lowering", "cost", "store"). Filled once at start from the lists that the build collects; read-only
/// afterwards.
class Registry {
 public:
  struct Method {
    std::string kind;
    MethodInfo info;
    std::any make;  ///< a std::function whose type the kind's room declares
  };

  void add(const std::string& kind, MethodInfo info, std::any make);

  const std::vector<Method>& methods() const { return methods_; }
  std::vector<const Method*> of(const std::string& kind) const;
  std::vector<std::string> names(const std::string& kind) const;
  const Method* find(const std::string& kind, const std::string& name) const;
  /// Like find, but throws Error at `place` with the name that was meant.
  const Method& need(const std::string& kind, const std::string& name, const Place& place = {}) const;
  /// The maker of a method, as the function type that its room declares.
  template <typename Function>
  const Function& maker(const std::string& kind, const std::string& name, const Place& place = {}) const {
    const auto* function = std::any_cast<Function>(&need(kind, name, place).make);
    if (function == nullptr) throw internal_error("method '" + name + "' has a maker of another type");
    return *function;
  }

 private:
  std::vector<Method> methods_;
};

/// The program's registry: libhone's methods, and what add_methods added.
const Registry& methods();
/// Adds the methods of a further library (libhone_train). Call it first thing in main, from one thread.
void add_methods(void (*collect)(Registry&));

namespace detail {
void collect_hone(Registry& registry);
void collect_hone_train(Registry& registry);
}  // namespace detail

}  // namespace hone

/// Registers a method: one line at the end of its file, at the start of a line, with a body that calls
/// registry.add(kind, info, make). The build gathers these lines (cmake/collect.cmake).
#define HONE_REGISTER(kind, name)                            \
  namespace hone::detail {                                   \
  void register_##kind##_##name(::hone::Registry& registry); \
  }                                                          \
  void hone::detail::register_##kind##_##name(::hone::Registry& registry)
