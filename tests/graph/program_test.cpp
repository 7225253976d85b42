#include "hone/graph/program.h"

#include <map>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/graph/evaluate.h"
#include "tests/graph/random_graphs.h"

namespace hone::graph {
namespace {

const char* const kProgram =
    "# a cell\n"
    "input r0 float32 2x4x6x5\n"
    "\n"
    "r1 = conv2d r0 [kernel=3 out=4] @w   # three by three\n"
    "r1 = activation r1 [kind=relu]\n"
    "r2 = conv2d r1 [kernel=3, out=4] @w\n"
    "r0 = add r0, r1, r2\n"
    "r0 = batch_norm r0\n"
    "output r0\n";

Key key(const std::string& text) { return canonical(Program::parse(text).graph()).key; }

std::string error_of(const std::string& text) {
  try {
    Program::parse(text, "cell.txt");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::vector<Array> program_inputs(const Graph& graph) {
  std::vector<Array> inputs;
  Rng rng(11, "inputs");
  for (const Node& node : graph.nodes()) {
    if (node.op != "input") continue;
    Array array{node.shape, {}};
    for (std::int64_t i = 0; i < element_count(node.shape); ++i) array.values.push_back(rng.normal());
    inputs.push_back(std::move(array));
  }
  return inputs;
}

TEST(Program, GoesThroughText) {
  const Program program = Program::parse(kProgram);
  EXPECT_EQ(program.inputs.size(), 1u);
  EXPECT_EQ(program.code.size(), 5u);
  EXPECT_EQ(program.code[3].inputs, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(program.code[2].weights, "w");
  EXPECT_EQ(Program::parse(program.text()), program) << program.text();
  const Program tokens = Program::parse(
      "input r3 int64 2x5\nr0 = zero r3 [shape==x7]\nr3 = embedding r3 [vocabulary=9 width=7]\n"
      "r3 = rms_norm r3 [epsilon=1e-3]\nr3 = activation r3\nr3 = add r0, r3\nr1 = zero r3 [shape=7]\n"
      "output r3, r1\n");
  EXPECT_EQ(tokens.code[2].attributes.real("epsilon"), 1e-3);
  EXPECT_EQ(tokens.code[5].attributes.text("shape"), "7");
  EXPECT_EQ(Program::parse(tokens.text()), tokens);
}

TEST(Program, NamesTheLineOfAnError) {
  const std::string start = "input r0 float32 2x4x6x5\n";
  const auto starts = [](const std::string& text, const std::string& with) {
    EXPECT_EQ(error_of(text).substr(0, with.size()), with) << text;
  };
  starts(start + "r1 = conv2d r0 [kernel=3]\noutput r1",
         "cell.txt:2: operator conv2d needs the attribute out");
  starts(start + "\n\nr1 = conv r0\noutput r1", "cell.txt:4: ");
  EXPECT_NE(error_of(start + "r1 = convd2 r0").find("conv2d"), std::string::npos);
  starts(start + "r1 = add r0, r2\noutput r1", "cell.txt:2: r2 is read before anything is written into it");
  starts(start + "r1 = add r0 r0\noutput r1", "cell.txt:2: there is more on this line");
  starts(start + "r1 = add r0,\noutput r1", "cell.txt:2: '' is no register");
  starts(start + "x = add r0\n", "cell.txt:2: 'x' is no register");
  starts(start + "r1 add r0\n", "cell.txt:2: ");
  starts(start + "r70000 = add r0\n", "cell.txt:2: 'r70000' is no register");
  starts(start + "r1 = linear r0 [out=4 out=4]\n", "cell.txt:2: attribute out is given twice");
  starts(start + "r1 = linear r0 [out]\n", "cell.txt:2: expected '='");
  starts(start + "r1 = linear r0 [out=0]\n", "cell.txt:2: ");
  starts(start + "r1 = global_avg_pool r0\nr1 = add r1, r0\n",
         "cell.txt:3: i2: add takes inputs of one shape");
  starts(start + "r1 = linear r0 [out=4] @w\nr1 = linear r0 [out=5] @w\noutput r1\n", "cell.txt:3: ");
  starts(start + "input r1 float32 2\nr1 = add r0\ninput r2 float32 2\n", "cell.txt:4: inputs stand before");
  starts(start + "output r0\nr1 = add r0\n", "cell.txt:3: outputs stand after");
  starts(start, "cell.txt: the program has no output");
  starts("input r0 float32 2xx3\n", "cell.txt:1: an input needs its sizes");
  starts("input r0 float64 2\n", "cell.txt:1: 'float64' is no type");
  starts("input r0 int64 2x3\nr0 = add r0\n", "cell.txt:2: ");
}

TEST(Program, SpellingDoesNotChangeTheKey) {
  const Key one = key(kProgram);
  // Other registers.
  EXPECT_EQ(
      key("input r7 float32 2x4x6x5\nr0 = conv2d r7 [kernel=3 out=4] @a\nr1 = activation r0 [kind=relu]\n"
          "r2 = conv2d r1 [kernel=3 out=4] @a\nr3 = add r2, r7, r1\nr9 = batch_norm r3\noutput r9\n"),
      one);
  // Dead code, overwritten results, a sum in steps.
  EXPECT_EQ(key("input r0 float32 2x4x6x5\nr5 = linear r0 [out=3]\nr1 = conv2d r0 [kernel=3 out=4] @w\n"
                "r1 = activation r1 [kind=relu]\nr5 = add r1, r0\nr2 = conv2d r1 [kernel=3 out=4] @w\n"
                "r2 = add r2, r5\nr3 = zero r2\nr2 = add r3, r2\nr2 = batch_norm r2\nr0 = multiply r2, r2\n"
                "output r2\n"),
            one);
  // Two independent instructions in either order.
  const std::string head = "input r0 float32 2x4x6x5\n", a = "r1 = conv2d r0 [kernel=3 out=4]\n",
                    b = "r2 = conv2d r0 [kernel=1 out=4]\n", tail = "r0 = multiply r1, r2\noutput r0\n";
  EXPECT_EQ(key(head + a + b + tail), key(head + b + a + tail));
  // Weights of their own are another structure, as is another order of dependent instructions.
  EXPECT_NE(key("input r0 float32 2x4x6x5\nr1 = conv2d r0 [kernel=3 out=4]\nr1 = activation r1 [kind=relu]\n"
                "r2 = conv2d r1 [kernel=3 out=4]\nr0 = add r0, r1, r2\nr0 = batch_norm r0\noutput r0\n"),
            one);
  const std::string f = "r0 = activation r0 [kind=relu]\n", p = "r0 = conv2d r0 [kernel=3 out=4]\n";
  EXPECT_NE(key(head + f + p + "output r0\n"), key(head + p + f + "output r0\n"));
}

/// A random graph's nodes as instructions over few registers, each written anew once nobody reads it.
Program allocated(const Graph& graph) {
  Program program;
  const std::size_t n = graph.nodes().size();
  std::vector<int> last_read(n, -1), reg(n, -1), owner;
  for (std::size_t id = 0; id < n; ++id)
    for (int input : graph.nodes()[id].inputs)
      last_read[static_cast<std::size_t>(input)] = static_cast<int>(id);
  for (int id : graph.outputs()) last_read[static_cast<std::size_t>(id)] = static_cast<int>(n);
  const auto allocate = [&](std::size_t id) {
    for (std::size_t r = 0; r < owner.size(); ++r)
      if (last_read[static_cast<std::size_t>(owner[r])] <= static_cast<int>(id)) {
        owner[r] = static_cast<int>(id);
        return static_cast<int>(r);
      }
    owner.push_back(static_cast<int>(id));
    return static_cast<int>(owner.size()) - 1;
  };
  for (std::size_t id = 0; id < n; ++id)
    if (graph.nodes()[id].op == "input") {
      owner.push_back(static_cast<int>(id));
      reg[id] = static_cast<int>(owner.size()) - 1;
      program.inputs.push_back({reg[id], graph.nodes()[id].shape, graph.nodes()[id].type});
    }
  for (std::size_t id = 0; id < n; ++id) {
    const Node& node = graph.nodes()[id];
    if (node.op == "input") continue;
    Program::Instruction instruction{node.op, node.attributes, {}, 0, {}};
    for (int input : node.inputs) instruction.inputs.push_back(reg[static_cast<std::size_t>(input)]);
    if (!node.parameters.empty()) instruction.weights = "p" + std::to_string(node.parameters[0]);
    reg[id] = instruction.output = allocate(id);
    program.code.push_back(instruction);
  }
  for (int id : graph.outputs()) program.outputs.push_back(reg[static_cast<std::size_t>(id)]);
  return program;
}

TEST(Program, RunsAsItsGraphDoes) {
  Rng rng(4, "programs");
  bool reused = false;
  for (int i = 0; i < 60; ++i) {
    const Graph graph = random_graph(rng, 3 + static_cast<int>(rng.below(10)));
    const Program program = allocated(graph);
    EXPECT_EQ(Program::parse(program.text()), program) << program.text();
    const Graph again = program.graph();
    EXPECT_EQ(canonical(again).key, canonical(graph).key) << program.text();
    const std::vector<Array> inputs = program_inputs(graph), parameters = initial_parameters(again, 6);
    EXPECT_EQ(evaluate(program, inputs, parameters), evaluate(again, inputs, parameters)) << program.text();
    std::map<int, int> writes;
    for (const Program::Instruction& instruction : program.code)
      reused = reused || ++writes[instruction.output] > 1;
  }
  EXPECT_TRUE(reused);
}

TEST(Program, SaysWhichInstructionDoesNotFit) {
  Program program = Program::parse(kProgram);
  program.code[3].inputs = {0, 9};
  try {
    program.graph();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "instruction 4: r9 is read before anything is written into it");
  }
  EXPECT_THROW(evaluate(program, program_inputs(Program::parse(kProgram).graph()), {}), Error);
}

}  // namespace
}  // namespace hone::graph
