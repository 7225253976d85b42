#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/base/rng.h"
#include "hone/graph/graph.h"
#include "hone/graph/program.h"
#include "hone/identity/signature.h"

namespace hone::identity {

/// One input of the candidates: what one example holds of it.
struct ProbeInput {
  std::string name = "x";
  graph::Shape shape = {1};  ///< of one example; {}: a single number
  std::int64_t below = 0;    ///< above 0: whole numbers from 0 to below - 1 (tokens) rather than N(0, 1)
};

/// What is fixed once for all candidates that are to be told apart.
struct ProbeSettings {
  std::vector<ProbeInput> inputs = {ProbeInput{}};
  std::int64_t examples = 10;  ///< of a batch, 1 to 10,000
  std::int64_t steps = 3;      ///< batches one after the other, 1 to 1,000
  std::uint64_t seed = 0;
  Quantisation quantisation = {};
  /// Resets what draws random numbers beside the Rng that a candidate is handed (a library's own generator),
  /// before every candidate. Gets the seed.
  std::function<void(std::uint64_t)> reset = {};
};

/// The examples of one step: an input of shape S is a tensor of shape [examples, S...], row-major. Values are
/// exact in float32.
struct ProbeBatch {
  struct Tensor {
    std::string name;
    graph::Shape shape;
    std::vector<double> values;
  };
  std::vector<Tensor> tensors;  ///< in the order of the settings' inputs
  std::int64_t examples = 0;

  /// Throws Error naming what there is.
  const Tensor& tensor(const std::string& name) const;
  /// All inputs of one example, one after the other.
  std::vector<double> example(std::int64_t index) const;
  Json json() const;         ///< {"x": [[...], ...]}: an object of nested lists, one list an example
  std::string text() const;  ///< one line an example, its numbers between blanks
};

class Prober;
/// Whatever computes something: it runs on the prober's batches, draws random numbers from prober.rng() alone
/// (or from what the settings' `reset` resets) and returns floats, in an order that does not depend on how it
/// is written. What it throws goes through.
using Candidate = std::function<std::vector<double>(const Prober&)>;

/// Tells candidates apart by what they compute: "Unified Functional Hashing in Automatic Machine Learning".
/// The batches are drawn once, from the seed; every random source is reset before each candidate. The same
/// mechanism for graphs, imperative programs, functions of C++ and other programs, whose signatures agree
/// where they compute the same. Thread safe as far as `reset` is.
class Prober {
 public:
  explicit Prober(ProbeSettings settings);  ///< throws Error on settings out of range

  const ProbeSettings& settings() const { return settings_; }
  const std::vector<ProbeBatch>& batches() const { return batches_; }  ///< one a step
  /// A fresh generator, the same each time: a candidate takes one and keeps it over its steps.
  Rng rng() const { return Rng(settings_.seed, "probe candidate"); }

  /// What the candidate gave; NaN and infinity may be among it.
  std::vector<double> floats(const Candidate& candidate) const;
  /// nullopt: it is unhashable. `literal`: see identity::signature.
  std::optional<Signature> operator()(const Candidate& candidate, const std::string& literal = {}) const;

 private:
  ProbeSettings settings_;
  std::vector<ProbeBatch> batches_;
};

/// A function of a batch, called once a step; what it captured by value starts anew with each candidate's
/// run, so that one that learns goes on over its steps.
using BatchFunction = std::function<std::vector<double>(const ProbeBatch&, Rng&)>;
Candidate batch_candidate(BatchFunction function);
/// A function of one example (all inputs one after the other), called for each of a batch in turn.
using ExampleFunction = std::function<std::vector<double>(const std::vector<double>&, Rng&)>;
Candidate example_candidate(ExampleFunction function);

/// A graph by the reference interpreter (graph/evaluate.h), each step's batch forward: its inputs are those
/// of the probe with the same names, at the probe's batch (a graph with one input takes a probe's one input
/// whatever its name). Parameters start by canonical position at the settings' seed, so that two spellings of
/// one structure compute the same. Throws Error, when run, where an input is missing or of another shape.
Candidate graph_candidate(graph::Graph graph);
/// An imperative program, run instruction by instruction: its inputs, in order, are the probe's, in order, at
/// the probe's batch. Parameters start as those of its graph do. Throws Error, when run, where there are more
/// inputs than the probe has, or shapes do not fit.
Candidate program_candidate(graph::Program program);

}  // namespace hone::identity
