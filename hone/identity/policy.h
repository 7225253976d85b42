#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hone/identity/signature.h"

namespace hone::identity {

/// What a study does when a candidate's function is known: the caches of Unified Functional Hashing in
/// Automatic Machine Learning, and the counterfactual mode of AutoNumerics-Zero's library.
enum class Policy {
  off,      ///< every candidate is evaluated; keys are not computed
  reuse,    ///< a known candidate gets the known result
  forget,   ///< the same, but each use may drop the entry, so that what was lucky once is drawn again
  average,  ///< a function is evaluated up to so many times, and all that compute it have the mean
  count,    ///< every candidate is evaluated, and how often equal keys give different results is counted
};
Policy policy_from_name(const std::string& name);  ///< throws Error
const std::vector<std::string>& policy_names();    ///< in the order of the enumeration
const std::string& policy_name(Policy policy);
/// What it does, in half a sentence.
std::string policy_about(Policy policy);

/// A policy with its numbers. A plain value.
struct Settings {
  Policy policy = Policy::reuse;
  /// Of `forget`: the probability with which a use drops the entry.
  double forget = 0.1;
  /// Of `average`: so many evaluations a function gets, each with a seed of its own.
  std::int64_t evaluations = 5;
  /// Of the probe's floats, see Quantisation; nullopt: as the task says.
  std::optional<int> mantissa_bits = {};  ///< 1 to 52
  std::optional<double> relative = {};    ///< 0 to 0.1
  std::optional<double> absolute = {};    ///< 0 to 0.1; no float then counts as nothing by another's size
  /// So many functions are remembered; beyond, the one that was proposed least recently is forgotten, and is
  /// evaluated again when it comes again. (About 300 bytes each.)
  std::int64_t entries = 1'000'000;
  /// After so many candidates in a row whose function was known nothing more is proposed; 0: never.
  std::int64_t give_up = 1000;

  Settings() = default;
  Settings(Policy policy) : policy(policy) {}  ///< with its defaults
  bool operator==(const Settings&) const = default;

  /// Whether candidates are told apart by what they compute.
  bool keys() const { return policy != Policy::off; }
  /// Whether evaluations differ by their seeds, since one that repeats another is to draw its luck again.
  bool own_seeds() const { return policy == Policy::forget || policy == Policy::average; }
  /// How floats are rounded: as the task says (`usual`), but for what the study sets.
  Quantisation rounding(Quantisation usual = {}) const;
  /// "reuse", "forget, forget = 0.1": the policy and what it depends on.
  std::string text() const;
};

}  // namespace hone::identity
