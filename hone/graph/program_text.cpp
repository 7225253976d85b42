// A program as text.
#include <algorithm>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/registry.h"
#include "hone/graph/operator.h"
#include "hone/graph/program.h"
#include "hone/graph/program_translator.h"

namespace hone::graph {

namespace {

/// Reads one line from left to right.
class Line {
 public:
  Line(std::string text, Place place) : text_(std::move(text)), place_(std::move(place)) { skip_space(); }

  bool done() const { return at_ == text_.size(); }
  bool ahead(char c) const { return !done() && text_[at_] == c; }
  bool take(char c) {
    if (!ahead(c)) return false;
    ++at_;
    skip_space();
    return true;
  }
  void need(char c) {
    if (!take(c)) throw wrong(fmt::format("expected '{}'", c));
  }
  /// Letters, digits and what else stands in names and values, up to the next space or one of `ends`.
  std::string word(const std::string& ends) {
    const std::size_t from = at_;
    while (!done() && text_[at_] != ' ' && text_[at_] != '\t' && ends.find(text_[at_]) == std::string::npos)
      ++at_;
    std::string found = text_.substr(from, at_ - from);
    skip_space();
    return found;
  }
  int reg() {
    const std::string found = word(",=[]@");
    std::int64_t number = 0;
    if (found.size() < 2 || found[0] != 'r' || !whole(found.substr(1), number) ||
        number >= Program::kMostRegisters)
      throw wrong(fmt::format("'{}' is no register", found), "registers are written r0, r1, ..");
    return static_cast<int>(number);
  }
  Error wrong(const std::string& what, const std::string& hint = {}) const {
    return Error(what, place_, hint);
  }

  static bool whole(const std::string& digits, std::int64_t& number) {
    number = 0;
    for (char c : digits) {
      if (c < '0' || c > '9' || number > (std::int64_t{1} << 52)) return false;
      number = 10 * number + (c - '0');
    }
    return !digits.empty();
  }

 private:
  void skip_space() {
    while (!done() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
  }
  std::string text_;
  Place place_;
  std::size_t at_ = 0;
};

Value attribute_value(const std::string& word, bool is_text) {
  if (is_text) return word;
  if (word == "true" || word == "false") return word == "true";
  try {
    if (const Json json = Json::parse(word); json.is_number()) return value_from_json(json);
  } catch (const Json::exception&) {
  }
  return word;
}

Attributes read_attributes(Line& line, const std::string& op) {
  const std::vector<OptionSpec>& options = methods().need("operator", op).info.options;
  Attributes attributes;
  if (!line.take('[')) return attributes;
  while (!line.take(']')) {
    const std::string name = line.word("=[],@");
    if (name.empty()) throw line.wrong("expected the name of an attribute", "write [kernel=3 out=16]");
    line.need('=');
    const std::string value = line.word("[],");
    if (value.empty()) throw line.wrong(fmt::format("attribute {} has no value", name));
    if (attributes.has(name)) throw line.wrong(fmt::format("attribute {} is given twice", name));
    const bool is_text = std::any_of(options.begin(), options.end(), [&](const OptionSpec& spec) {
      return spec.name == name && spec.type == OptionSpec::Type::text;
    });
    attributes.set(name, attribute_value(value, is_text));
    line.take(',');
  }
  return attributes;
}

Program::Input read_input(Line& line) {
  Program::Input input;
  input.reg = line.reg();
  const std::string type = line.word("");
  if (type != "float32" && type != "int64")
    throw line.wrong(fmt::format("'{}' is no type of an input", type), "allowed: float32, int64");
  input.type = type == "int64" ? DataType::int64 : DataType::float32;
  const std::string sizes = line.word("") + "x";
  for (std::size_t at = 0; at < sizes.size();) {
    const std::size_t end = sizes.find('x', at);
    std::int64_t size = 0;
    if (!Line::whole(sizes.substr(at, end - at), size))
      throw line.wrong("an input needs its sizes", "write them as 4x16x8x8");
    input.shape.push_back(size);
    at = end + 1;
  }
  return input;
}

Program::Instruction read_instruction(Line& line, int output) {
  Program::Instruction instruction;
  instruction.output = output;
  line.need('=');
  instruction.op = line.word("[],@");
  if (instruction.op.empty()) throw line.wrong("expected an operator");
  if (!line.ahead('[') && !line.ahead('@') && !line.done()) {
    do instruction.inputs.push_back(line.reg());
    while (line.take(','));
  }
  instruction.attributes = complete_attributes(instruction.op, read_attributes(line, instruction.op));
  if (line.take('@')) {
    instruction.weights = line.word("");
    if (instruction.weights.empty()) throw line.wrong("expected a label after '@'");
  }
  return instruction;
}

}  // namespace

Program Program::parse(const std::string& text, const std::string& source) {
  Program program;
  Translator translator;
  int number = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string content = text.substr(at, end - at);
    content.resize(std::min(content.find('#'), content.size()));
    at = end + 1;
    const Place place{source, ++number, ""};
    Line line(std::move(content), place);
    if (line.done()) continue;
    try {
      const std::string first = line.word("=");
      if (first == "input" || first == "output") {
        if (first == "input") {
          if (!program.code.empty() || !program.outputs.empty())
            throw line.wrong("inputs stand before everything else");
          program.inputs.push_back(read_input(line));
          translator.input(program.inputs.back());
        } else {
          do program.outputs.push_back(line.reg()), translator.output(program.outputs.back());
          while (line.take(','));
        }
      } else {
        if (!program.outputs.empty()) throw line.wrong("outputs stand after everything else");
        const int output = Line(first, place).reg();
        program.code.push_back(read_instruction(line, output));
        translator.instruction(program.code.back());
      }
      if (!line.done()) throw line.wrong("there is more on this line than an instruction");
    } catch (const Error& error) {
      if (error.place().line > 0) throw;
      throw Error(error.message(), place, error.hint(), error.fault());
    }
  }
  if (program.outputs.empty())
    throw Error("the program has no output", Place{source, 0, ""}, "end it with a line such as: output r0");
  return program;
}

std::string Program::text() const {
  std::string lines;
  for (const Input& input : inputs)
    lines += fmt::format("input r{} {} {}\n", input.reg, input.type == DataType::int64 ? "int64" : "float32",
                         shape_text(input.shape));
  for (const Instruction& instruction : code) {
    lines += fmt::format("r{} = {}", instruction.output, instruction.op);
    for (std::size_t i = 0; i < instruction.inputs.size(); ++i)
      lines += fmt::format("{}r{}", i == 0 ? " " : ", ", instruction.inputs[i]);
    if (!instruction.attributes.entries().empty())
      lines += fmt::format(" [{}]", instruction.attributes.text_list());
    if (!instruction.weights.empty()) lines += " @" + instruction.weights;
    lines += "\n";
  }
  for (int reg : outputs) lines += fmt::format("output r{}\n", reg);
  return lines;
}

}  // namespace hone::graph
