#pragma once

#include <cstdint>
#include <vector>

#include "hone/identity/policy.h"
#include "hone/identity/recent.h"
#include "hone/study/study.h"

namespace hone::identity {

/// What is to be done with a candidate whose keys are known.
struct Verdict {
  enum class What {
    evaluate,  ///< it is evaluated itself; trial: as a further evaluation of that one's function; -1: the
               ///< first
    reuse,     ///< it takes the results of `trial`
    wait,      ///< `trial` evaluates this function now: wait for it
  };
  What what = What::evaluate;
  std::int64_t trial = -1;
  bool operator==(const Verdict&) const = default;
};

/// The equivalence cache: quality under the functional key, cost under the structural key. A view of the
/// study; tell it every change. What it answers is a function of the changes, in order, and of the seed: any
/// process that read the same journal has the same cache. Every call takes O(log n) however many trials
/// compute one function; running trials of one function are walked. Not thread safe.
///
/// - A function is known by a trial that was evaluated itself and has a result. Where several have, the one
///   with the smallest number stands for all.
/// - Under `forget` every use draws, by (seed, the trial that used it), whether the entry goes. Those that
///   were in it stay what they are, but stand for nobody any more; the next one is evaluated.
/// - Entries beyond Settings::entries go by least recent proposal; those of running trials stay.
class EquivalenceCache {
 public:
  /// by_structure: what is measured depends on how a candidate is built, in a way that only training shows:
  /// then the same function under another structure is another entry.
  explicit EquivalenceCache(Settings settings = {}, std::uint64_t seed = 0, bool by_structure = false);

  void update(const study::Change& change);

  /// By the policy, for a trial that runs to `fidelity` and has told its keys. Asked again later it may
  /// answer otherwise. A running trial claims its function when its keys become known, or when it is begun
  /// with keys known: of two that run at once the older claim, by the journal's order, is evaluated.
  Verdict verdict(const study::Trial& trial, std::int64_t fidelity) const;
  /// The key under which a signature's function is known: its own where somebody proposed that, else the
  /// first of its near keys of which that holds, else its own. `structural` counts with by_structure.
  Key resolve(const Signature& signature, Key structural = {}) const;

  /// The trial that stands for this function at `fidelity`; -1: none.
  std::int64_t known(Key functional, std::int64_t fidelity, Key structural = {}) const;
  /// Costs measured for this structure; null: none yet.
  const study::Measures* costs(Key structural) const { return costs_.find(structural); }
  /// Functions remembered.
  std::size_t size() const { return functions_.size(); }
  const Settings& settings() const { return settings_; }

 private:
  struct Claim {
    std::int64_t number = 0;  // of all claims, in the journal's order
    std::int64_t trial = 0;
    std::int64_t fidelity = 0;
  };
  struct Function {
    /// Trials that were evaluated, ascending, by the fidelity of a result.
    std::vector<std::pair<std::int64_t, std::vector<std::int64_t>>> evaluated;
    std::vector<std::int64_t> forgotten;  // ascending
    std::vector<Claim> claims;            // of running trials, the oldest first
    const std::vector<std::int64_t>* at(std::int64_t fidelity) const;
  };

  Key entry(Key functional, Key structural) const;
  Function& touch(Key key);
  void claim(const study::Trial& trial);
  bool drop_claim(const study::Trial& trial);
  void take_result(const study::Change& change);
  void forget(Function& function);

  Settings settings_;
  std::uint64_t seed_;
  bool by_structure_;
  std::int64_t claims_ = 0;
  Recent<Function> functions_;
  Recent<study::Measures> costs_;
};

}  // namespace hone::identity
