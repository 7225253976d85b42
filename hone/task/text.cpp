#include "hone/task/text.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/task/searchable.h"
#include "hone/task/training_options.h"

namespace hone::task {
namespace {

const std::vector<std::string>& mixer_names() {
  static const std::vector<std::string> names{"attention", "multi_query", "pattention", "none"};
  return names;
}

/// The text, and what is held out of it.
std::vector<OptionSpec> text_data_options() {
  using Type = OptionSpec::Type;
  return {
      {.name = "data",
       .type = Type::text,
       .fallback = nullptr,
       .summary = "a text file, or a folder read with all below it"},
      {.name = "validation_share",
       .type = Type::real,
       .fallback = 0.1,
       .summary = "share of the text held out to compare models",
       .low = 0.01,
       .high = 0.45},
      {.name = "test_share",
       .type = Type::real,
       .fallback = 0.1,
       .summary = "share held out to the very end",
       .low = 0.01,
       .high = 0.45},
      {.name = "max_vocabulary",
       .type = Type::integer,
       .fallback = 1024,
       .summary = "characters told apart; rarer ones become one unknown symbol",
       .low = 2,
       .high = 65536},
      {.name = "max_bytes",
       .type = Type::quantity,
       .fallback = 64e6,
       .summary = "text read at most",
       .low = 1024},
      {.name = "validation_chars",
       .type = Type::integer,
       .fallback = 16384,
       .summary = "characters of the validation text that each validation reads, spread over it",
       .low = 256,
       .high = 1e9},
  };
}

/// The model.
std::vector<OptionSpec> text_model_options() {
  using Type = OptionSpec::Type;
  return {
      {.name = "mixer",
       .type = Type::text,
       .fallback = "attention",
       .summary = "how a layer mixes: multi-head attention, multi-query attention, or TokenFormer's "
                  "token-parameter attention in place of every linear map",
       .allowed = mixer_names()},
      {.name = "layers",
       .type = Type::integer,
       .fallback = 2,
       .summary = "number of layers, where mixer is no list",
       .low = 0,
       .high = 64},
      {.name = "width",
       .type = Type::integer,
       .fallback = 64,
       .summary = "width of the residual stream",
       .low = 2,
       .high = 8192},
      {.name = "heads",
       .type = Type::integer,
       .fallback = 4,
       .summary = "attention heads; must divide width",
       .low = 1,
       .high = 256},
      {.name = "feedforward",
       .type = Type::text,
       .fallback = "plain",
       .summary = "feed-forward of attention layers; pattention: one token-parameter attention",
       .allowed = {"plain", "gated", "pattention", "none"}},
      {.name = "expansion",
       .type = Type::integer,
       .fallback = 4,
       .summary = "hidden width of the feed-forward over width",
       .low = 1,
       .high = 16},
      {.name = "activation",
       .type = Type::text,
       .fallback = "gelu",
       .summary = "of the feed-forward",
       .allowed = {"gelu", "relu", "silu", "tanh", "relu_squared"}},
      {.name = "norm",
       .type = Type::text,
       .fallback = "layer",
       .summary = "normalisation before each part",
       .allowed = {"layer", "rms"}},
      {.name = "position",
       .type = Type::text,
       .fallback = "rotary",
       .summary = "how positions are told apart",
       .allowed = {"rotary", "learned", "none"}},
      {.name = "tied",
       .type = Type::flag,
       .fallback = true,
       .summary = "the head's weight is the embedding's"},
      {.name = "tokens",
       .type = Type::integer,
       .fallback = 0,
       .summary = "parameter tokens of query, key, value and output in pattention layers; 0: width",
       .low = 0,
       .high = 65536},
      {.name = "ffn_tokens",
       .type = Type::integer,
       .fallback = 0,
       .summary = "parameter tokens of the feed-forward in pattention layers; 0: 4 x tokens",
       .low = 0,
       .high = 262144},
      {.name = "context",
       .type = Type::integer,
       .fallback = 64,
       .summary = "characters a model sees at once",
       .low = 2,
       .high = 8192},
  };
}

std::vector<OptionSpec> text_specs() {
  using Type = OptionSpec::Type;
  return all_options(
      {text_data_options(),
       text_model_options(),
       {batch_option(16, "sequences", 1, 4096), lr_option(3e-3, "peak learning rate of AdamW")},
       schedule_options(0.05, 0.1),
       {weight_decay_option(0.1, "decoupled weight decay"),
        {.name = "beta2",
         .type = Type::real,
         .fallback = 0.95,
         .summary = "AdamW's second moment",
         .low = 0.0,
         .high = 0.999999},
        {.name = "clip",
         .type = Type::real,
         .fallback = 1.0,
         .summary = "largest gradient norm; 0: no clipping",
         .low = 0.0,
         .high = 1e9}}});
}

const Searchable& searchable_text() {
  static const Searchable all(
      "text", text_specs(),
      {"data", "validation_share", "test_share", "max_vocabulary", "validation_chars", "max_bytes"}, "mixer");
  return all;
}

}  // namespace

std::vector<OptionSpec> TextTask::option_specs() { return text_specs(); }

TextTask::TextTask(Options options, const std::string& folder)
    : options_(std::move(options)),
      path_(beside_study(options_.text("data"), folder)),
      place_(options_.place("data")) {}

std::vector<MeasureInfo> TextTask::measures() const {
  return {
      {"bits_per_char", "bits per character of the validation text"},
      {"latency_s", "seconds per generated token at the end of a full window, one sequence, on this machine",
       true, true, true},
      {"parameters", "trainable parameters", true, false, true},
      {"flops", "floating point operations per generated token at the end of a full window", true, false,
       true},
      {"memory_bytes", "growth of resident memory in the first training steps", true, true, false, true},
      {"train_s", "seconds of training so far", true, true, false, true},
      {"latency_spread", "spread of the latency over repeats: (q80 - q20) / q20", true, true, true},
      {"train_bits_per_char", "bits per character of the last training batches"},
  };
}

void TextTask::check(const space::Space& space) const {
  bool mixer_list = false;
  for (const auto& parameter : space.parameters()) {
    // How long the list of mixers is shows in its entries.
    if (parameter.length_of == "mixer") continue;
    searchable_text().check(parameter, options_);
    mixer_list = mixer_list || !parameter.list.empty();
  }
  if (mixer_list && (space.index("layers") || options_.place("layers").key == "task.layers"))
    throw Error("'layers' and a list of mixers exclude each other", Place{"", 0, "space.mixer"},
                "the list's entries are the layers; 'none' leaves one out");
}

const Corpus& TextTask::corpus() const {
  std::call_once(once_, [this] {
    if (!std::filesystem::exists(path_))
      throw Error(fmt::format("there is no file or folder '{}'", options_.text("data")), place_,
                  path_ == options_.text("data") ? "" : fmt::format("it was looked for at {}", path_));
    CorpusOptions options;
    options.path = path_;
    options.validation = options_.real("validation_share");
    options.test = options_.real("test_share");
    options.max_vocabulary = static_cast<std::size_t>(options_.integer("max_vocabulary"));
    options.max_bytes = static_cast<std::uint64_t>(options_.real("max_bytes"));
    // A split must hold one context and the character after it.
    options.min_characters =
        std::max<std::size_t>(512, static_cast<std::size_t>(options_.integer("context")) * 2);
    corpus_ = std::make_unique<const Corpus>(Corpus::load(options, place_));
  });
  return *corpus_;
}

std::string TextTask::prepare() const {
  const Corpus& data = corpus();
  std::string text =
      fmt::format("{} characters to train on, {} to validate, {} to test; {} different characters",
                  data.train().size(), data.validation().size(), data.test().size(), data.vocabulary() - 1);
  if (const std::uint64_t unknown = data.unknown(Split::validation))
    text += fmt::format(
        "; {} of the validation text are not among them and cost every model {:.2f} bits a character",
        unknown, data.unknown_bits_per_character(Split::validation));
  return text;
}

TextSettings TextTask::settings(const space::Config& config) const {
  const Chosen chosen(config, options_);
  TextSettings s;
  const auto list = config.list("mixer");
  if (!list.empty()) {
    for (const Value& mixer : list)
      if (std::get<std::string>(mixer) != "none") s.mixers.push_back(std::get<std::string>(mixer));
  } else if (chosen.text("mixer") != "none") {
    s.mixers.assign(static_cast<std::size_t>(chosen.integer("layers")), chosen.text("mixer"));
  }
  s.width = chosen.integer("width");
  s.heads = chosen.integer("heads");
  s.feedforward = chosen.text("feedforward");
  s.expansion = chosen.integer("expansion");
  s.activation = chosen.text("activation");
  s.norm = chosen.text("norm");
  s.position = chosen.text("position");
  s.tied = chosen.flag("tied");
  s.tokens = chosen.integer("tokens");
  s.ffn_tokens = chosen.integer("ffn_tokens");
  s.context = chosen.integer("context");
  s.batch = chosen.integer("batch");
  s.lr = chosen.real("lr");
  s.warmup = chosen.real("warmup");
  s.decay = chosen.text("decay");
  s.final_lr = chosen.real("final_lr");
  s.weight_decay = chosen.real("weight_decay");
  s.beta2 = chosen.real("beta2");
  s.clip = chosen.real("clip");
  return s;
}

graph::Graph TextTask::graph(const TextSettings& s, int batch, int length) const {
  graph::DecoderSpec spec;
  spec.vocabulary = corpus().vocabulary();
  spec.context = s.context;
  spec.width = s.width;
  spec.position = s.position == "rotary"    ? graph::Position::rotary
                  : s.position == "learned" ? graph::Position::learned
                                            : graph::Position::none;
  spec.norm = s.norm == "rms" ? graph::Norm::rms : graph::Norm::layer;
  spec.tied = s.tied;
  for (const std::string& mixer : s.mixers) {
    graph::DecoderLayer layer;
    layer.tokenized = mixer == "pattention";
    layer.tokens = s.tokens;
    layer.ffn_tokens = s.ffn_tokens;
    layer.heads = s.heads;
    layer.kv_heads = mixer == "multi_query" ? 1 : 0;
    if (!layer.tokenized) {
      layer.feedforward = s.feedforward == "gated"        ? graph::Feedforward::gated
                          : s.feedforward == "plain"      ? graph::Feedforward::plain
                          : s.feedforward == "pattention" ? graph::Feedforward::tokenized
                                                          : graph::Feedforward::none;
      layer.hidden = s.expansion * s.width;
      layer.activation = s.activation;
    }
    spec.layers.push_back(layer);
  }
  return graph::decoder(spec, batch, length);
}

std::optional<graph::Graph> TextTask::graph(const space::Config& config) const {
  const TextSettings s = settings(config);
  return graph(s, s.batch, s.context);
}

study::Measures TextTask::design_costs(const space::Config& config) const {
  const TextSettings s = settings(config);
  const graph::Graph window = graph(s, 1, s.context);
  // What the last token adds, attention to all before it included.
  const double flops = window.work().flops - graph(s, 1, s.context - 1).work().flops;
  return {{"parameters", static_cast<double>(window.parameter_count())}, {"flops", flops}};
}

std::string TextTask::cost_terms(const space::Config& config) const {
  return fmt::format("text costs 2 context={}", settings(config).context);
}

std::optional<std::string> TextTask::unseen_by_probe(const space::Config& config) const {
  // The probe runs the model at the peak learning rate on short sequences, with neither warm-up, decay nor
  // clipping: all that, and how much data a step sees, enters as it is.
  const TextSettings s = settings(config);
  return fmt::format(
      "text {} data={} context={} batch={} warmup={} decay={} final_lr={} weight_decay={} beta2={} clip={} "
      "validation_chars={}",
      kVersion, corpus().key().hex(), s.context, s.batch, s.warmup, s.decay,
      s.decay == "constant" ? 1.0 : s.final_lr, s.weight_decay, s.beta2, s.clip,
      options_.integer("validation_chars"));
}

std::optional<std::string> TextTask::seen_by_probe(const space::Config& config) const {
  return fmt::format("lr={}", settings(config).lr);
}

}  // namespace hone::task

HONE_REGISTER(task, text) {
  using namespace hone;
  registry.add(
      "task",
      {.name = "text",
       .summary = "character-level language models of a text: bits per character against latency per token",
       .paper = "",
       .options = task::TextTask::option_specs(),
       .traits = "every option from mixer on may be searched instead: put it in [space]"},
      task::MakeTask(
          [](const Options& options, const std::string& folder) -> std::shared_ptr<const task::Task> {
            return std::make_shared<task::TextTask>(options, folder);
          }));
}
