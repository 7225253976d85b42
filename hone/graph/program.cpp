#include "hone/graph/program.h"

#include <map>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/graph/operator.h"
#include "hone/graph/program_translator.h"

namespace hone::graph {

Graph Program::graph() const {
  Translator translator;
  for (const Input& input : inputs) translator.input(input);
  for (std::size_t i = 0; i < code.size(); ++i) {
    try {
      translator.instruction(code[i]);
    } catch (const Error& error) {
      throw Error(fmt::format("instruction {}: {}", i + 1, error.message()), error.place(), error.hint(),
                  error.fault());
    }
  }
  for (int reg : outputs) translator.output(reg);
  return translator.take();
}

std::vector<Array> evaluate(const Program& program, const std::vector<Array>& inputs,
                            const std::vector<Array>& parameters) {
  if (inputs.size() != program.inputs.size())
    throw Error(
        fmt::format("the program has {} inputs, but {} are given", program.inputs.size(), inputs.size()));
  struct Held {
    Array array;
    DataType type;
  };
  Registers<Held> registers;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Program::Input& input = program.inputs[i];
    if (inputs[i].shape != input.shape ||
        static_cast<std::int64_t>(inputs[i].values.size()) != element_count(input.shape))
      throw Error(fmt::format("input r{} has shape {}, not {}", input.reg, shape_text(input.shape),
                              shape_text(inputs[i].shape)));
    registers.write(input.reg, {inputs[i], input.type});
  }
  std::size_t next = 0;  // parameter that the next instruction with some of its own begins at
  std::map<std::string, std::size_t> first_of;
  for (std::size_t i = 0; i < program.code.size(); ++i) {
    const Program::Instruction& instruction = program.code[i];
    const Operator& rules = find_operator(instruction.op);
    const Attributes attributes = complete_attributes(instruction.op, instruction.attributes);
    Call call{attributes, {}, {}};
    std::vector<Shape> shapes;
    for (int reg : instruction.inputs) {
      const Held& held = registers.read(reg);
      if (!rules.takes(held.type))
        throw Error(fmt::format("instruction {}: {} cannot take r{}", i + 1, instruction.op, reg));
      call.inputs.push_back(&held.array);
      shapes.push_back(held.array.shape);
    }
    Array output{rules.infer(attributes, shapes), {}};
    output.values.assign(static_cast<std::size_t>(element_count(output.shape)), 0.0);
    const std::vector<Parameter> needed = rules.parameters(attributes, shapes);
    std::size_t first = next;
    if (!instruction.weights.empty()) first = first_of.try_emplace(instruction.weights, next).first->second;
    for (std::size_t k = 0; k < needed.size(); ++k) {
      if (first + k >= parameters.size() || parameters[first + k].shape != needed[k].shape)
        throw Error(fmt::format("instruction {}: its {} of shape {} is not among the parameters given", i + 1,
                                needed[k].name, shape_text(needed[k].shape)));
      call.parameters.push_back(&parameters[first + k]);
    }
    if (first == next) next += needed.size();
    rules.evaluate(call, output);
    registers.write(instruction.output, {std::move(output), DataType::float32});
  }
  std::vector<Array> outputs;
  for (int reg : program.outputs) outputs.push_back(registers.read(reg).array);
  return outputs;
}

}  // namespace hone::graph
