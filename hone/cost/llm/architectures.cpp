// Published shapes of language models, and whose name a served deployment goes by.
#include <algorithm>
#include <cctype>

#include "hone/cost/llm/architecture.h"

namespace hone::cost {
namespace {

constexpr const char* kGpt3 = "Language Models are Few-Shot Learners";
constexpr const char* kOpt = "OPT: Open Pre-trained Transformer Language Models";
constexpr const char* kBloom = "BLOOM: A 176B-Parameter Open-Access Multilingual Language Model";
constexpr const char* kPythia =
    "Pythia: A Suite for Analyzing Large Language Models Across Training and Scaling";
constexpr const char* kLlama = "LLaMA: Open and Efficient Foundation Language Models";
constexpr const char* kLlama2 = "Llama 2: Open Foundation and Fine-Tuned Chat Models";
constexpr const char* kLlama3 = "The Llama 3 Herd of Models";
constexpr const char* kFalcon = "The Falcon Series of Open Language Models";
constexpr const char* kJurassic = "Jurassic-1: Technical Details and Evaluation";
constexpr const char* kGuess = "size guessed by others; its maker never published it";

/// Dense, one head width, feed-forward four times as wide, embeddings tied: as GPT-2 is.
LlmArchitecture gpt(std::string name, std::int64_t layers, std::int64_t width, std::int64_t heads,
                    std::int64_t vocabulary, std::string source, bool assumed = false) {
  LlmArchitecture model;
  model.name = std::move(name);
  model.layers = layers;
  model.width = width;
  model.heads = model.kv_heads = heads;
  model.head_width = width / heads;
  model.ffn_width = 4 * width;
  model.vocabulary = vocabulary;
  model.source = std::move(source);
  model.assumed = assumed;
  return model;
}

LlmArchitecture untied(LlmArchitecture model) {
  model.tied = false;
  return model;
}

/// Gated feed-forward, grouped queries, embeddings apart: as Llama is.
LlmArchitecture llama(std::string name, std::int64_t layers, std::int64_t width, std::int64_t heads,
                      std::int64_t kv_heads, std::int64_t ffn_width, std::int64_t vocabulary,
                      std::string source) {
  LlmArchitecture model = gpt(std::move(name), layers, width, heads, vocabulary, std::move(source));
  model.kv_heads = kv_heads;
  model.ffn_width = ffn_width;
  model.gated = true;
  model.tied = false;
  return model;
}

LlmArchitecture experts(LlmArchitecture model, std::int64_t all, std::int64_t active) {
  model.experts = all;
  model.active_experts = active;
  return model;
}

/// Latent attention and experts of which some are for every token, as DeepSeek V2 and V3 are. `ffn_width` is
/// of one expert.
LlmArchitecture deepseek(LlmArchitecture model, std::int64_t shared_experts, std::int64_t dense_layers,
                         std::int64_t dense_width) {
  model.shared_width = shared_experts * model.ffn_width;
  model.dense_layers = dense_layers;
  model.dense_width = dense_width;
  model.head_width = model.value_width = 128;
  model.kv_rank = 512;
  model.query_rank = 1536;
  model.rotary_width = 64;
  return model;
}

LlmArchitecture grouped(LlmArchitecture model, std::int64_t kv_heads) {
  model.kv_heads = kv_heads;
  return model;
}

LlmArchitecture tied(LlmArchitecture model, std::int64_t head_width) {
  model.tied = true;
  model.head_width = head_width;
  return model;
}

/// An encoder and a decoder of as many layers each, as T5 is.
LlmArchitecture t5(std::string name, std::int64_t layers, std::int64_t width, std::int64_t heads,
                   std::int64_t head_width, std::int64_t ffn_width, bool gated, std::string source) {
  LlmArchitecture model = gpt(std::move(name), layers, width, heads, 32128, std::move(source));
  model.encoder_layers = layers;
  model.head_width = head_width;
  model.ffn_width = ffn_width;
  model.gated = gated;
  model.tied = !gated;
  return model;
}

LlmArchitecture glm() {
  LlmArchitecture model =
      gpt("glm-130b", 70, 12288, 96, 150528, "GLM-130B: An Open Bilingual Pre-trained Model");
  model.ffn_width = 32768;
  model.gated = true;
  return model;
}

/// Names under which a deployment of a known architecture is served.
struct Alias {
  const char* served;
  const char* known;
};
constexpr Alias kAliases[]{
    {"gptj-6b", "gpt-j-6b"},
    {"gpt-neo-20b", "gpt-neox-20b"},
    {"bloom", "bloom-176b"},
    {"yalm", "yalm-100b"},
    {"glm", "glm-130b"},
    {"t0pp", "t5-xxl-11b"},
    {"flan-t5-xxl", "t5-xxl-11b"},
    {"ul2", "ul2-20b"},
    {"flan-ul2", "ul2-20b"},
    {"tnlgv2-7b", "tnlg-7b"},
    {"tnlgv2-530b", "tnlg-530b"},
    {"ada", "gpt3-ada"},
    {"babbage", "gpt3-babbage"},
    {"curie", "gpt3-curie"},
    {"davinci", "gpt3-davinci"},
    {"text-ada-001", "gpt3-ada"},
    {"text-babbage-001", "gpt3-babbage"},
    {"text-curie-001", "gpt3-curie"},
    {"text-davinci-001", "gpt3-davinci"},
    {"text-davinci-002", "gpt3-davinci"},
    {"text-davinci-003", "gpt3-davinci"},
    {"code-davinci-001", "gpt3-davinci"},
    {"code-davinci-002", "gpt3-davinci"},
    {"code-cushman-001", "codex-12b"},
    {"stanford-online-all-v4-s3", "anthropic-52b"},
    {"j1-large", "j1-large-7.5b"},
    {"j1-grande", "j1-grande-17b"},
    {"j1-grande-v2-beta", "j1-grande-17b"},
    {"j1-jumbo", "j1-jumbo-178b"},
    {"llama-3.1-8b", "llama3-8b"},
    {"llama-3.1-70b", "llama3-70b"},
    {"llama-3.3-70b", "llama3-70b"},
    {"llama-3-405b", "llama3.1-405b"},
    {"meta-llama-3-8b", "llama3-8b"},
    {"meta-llama-3-70b", "llama3-70b"},
    {"meta-llama-3.1-8b", "llama3-8b"},
    {"meta-llama-3.1-70b", "llama3-70b"},
    {"meta-llama-3.1-405b", "llama3.1-405b"},
    {"deepseek-v3-671b", "deepseek-v3"},
    {"deepseek-v3-0324", "deepseek-v3"},
    {"deepseek-v3.1", "deepseek-v3"},
    {"deepseek-r1", "deepseek-v3"},
    {"deepseek-r1-671b", "deepseek-v3"},
    {"deepseek-r1-0528", "deepseek-v3"},
    {"deepseek-r1-zero", "deepseek-v3"},
    {"deepseek-v2-236b", "deepseek-v2"},
    {"deepseek-v2.5", "deepseek-v2"},
};

/// Lower case, underscores and spaces as dashes, without what stands before a slash.
std::string model_key(const std::string& name) {
  std::string text;
  for (const char c : name.substr(name.rfind('/') + 1))
    text += c == '_' || c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// Without what says how it was tuned or stored.
std::string without_suffixes(std::string text) {
  static const char* const kSuffixes[]{"-hf",      "-chat", "-instruct", "-base", "-fp16",
                                       "-deduped", "-v0.1", "-v0.2",     "-v0.3", "-it"};
  for (bool again = true; again;) {
    again = false;
    for (const std::string suffix : kSuffixes)
      if (text.size() > suffix.size() && text.ends_with(suffix)) {
        text.resize(text.size() - suffix.size());
        again = true;
      }
  }
  return text;
}

/// Letters and digits only: "llama-2-70b" and "llama2-70b" are one.
std::string bare(const std::string& text) {
  std::string letters;
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.') letters += c;
  return letters;
}

}  // namespace

const std::vector<LlmArchitecture>& known_architectures() {
  static const std::vector<LlmArchitecture> known = [] {
    std::vector<LlmArchitecture> all{
        gpt("gpt2", 12, 768, 12, 50257, "Language Models are Unsupervised Multitask Learners"),
        gpt("gpt2-medium", 24, 1024, 16, 50257, "Language Models are Unsupervised Multitask Learners"),
        gpt("gpt2-large", 36, 1280, 20, 50257, "Language Models are Unsupervised Multitask Learners"),
        gpt("gpt2-xl", 48, 1600, 25, 50257, "Language Models are Unsupervised Multitask Learners"),
        gpt("gpt-neo-125m", 12, 768, 12, 50257, "the released model's config"),
        gpt("gpt-neo-1.3b", 24, 2048, 16, 50257, "the released model's config"),
        gpt("gpt-neo-2.7b", 32, 2560, 20, 50257, "the released model's config"),
        untied(gpt("gpt-j-6b", 28, 4096, 16, 50400, "the released model's config")),
        untied(gpt("gpt-neox-20b", 44, 6144, 64, 50432,
                   "GPT-NeoX-20B: An Open-Source Autoregressive Language Model")),
        gpt("opt-125m", 12, 768, 12, 50272, kOpt),
        gpt("opt-350m", 24, 1024, 16, 50272, kOpt),
        gpt("opt-1.3b", 24, 2048, 32, 50272, kOpt),
        gpt("opt-2.7b", 32, 2560, 32, 50272, kOpt),
        gpt("opt-6.7b", 32, 4096, 32, 50272, kOpt),
        gpt("opt-13b", 40, 5120, 40, 50272, kOpt),
        gpt("opt-30b", 48, 7168, 56, 50272, kOpt),
        gpt("opt-66b", 64, 9216, 72, 50272, kOpt),
        gpt("opt-175b", 96, 12288, 96, 50272, kOpt),
        gpt("bloom-560m", 24, 1024, 16, 250880, kBloom),
        gpt("bloom-1b1", 24, 1536, 16, 250880, kBloom),
        gpt("bloom-1b7", 24, 2048, 16, 250880, kBloom),
        gpt("bloom-3b", 30, 2560, 32, 250880, kBloom),
        gpt("bloom-7b1", 30, 4096, 32, 250880, kBloom),
        gpt("bloom-176b", 70, 14336, 112, 250880, kBloom),
        glm(),
        t5("t5-11b", 24, 1024, 128, 128, 65536, false,
           "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer"),
        t5("t5-xxl-11b", 24, 4096, 64, 64, 10240, true, "the released model's config"),
        t5("ul2-20b", 32, 4096, 16, 256, 16384, true, "UL2: Unifying Language Learning Paradigms"),
        gpt("yalm-100b", 80, 10240, 128, 128000, "the released model's description"),
        untied(gpt("pythia-70m", 6, 512, 8, 50304, kPythia)),
        untied(gpt("pythia-160m", 12, 768, 12, 50304, kPythia)),
        untied(gpt("pythia-410m", 24, 1024, 16, 50304, kPythia)),
        untied(gpt("pythia-1b", 16, 2048, 8, 50304, kPythia)),
        untied(gpt("pythia-1.4b", 24, 2048, 16, 50304, kPythia)),
        untied(gpt("pythia-2.8b", 32, 2560, 32, 50304, kPythia)),
        untied(gpt("pythia-6.9b", 32, 4096, 32, 50432, kPythia)),
        untied(gpt("pythia-12b", 36, 5120, 40, 50688, kPythia)),
        gpt("gpt3-ada", 24, 1024, 16, 50257, kGuess, true),
        gpt("gpt3-babbage", 24, 2048, 32, 50257, kGuess, true),
        gpt("gpt3-curie", 32, 4096, 32, 50257, kGuess, true),
        gpt("gpt3-davinci", 96, 12288, 96, 50257, kGuess, true),
        gpt("gpt3-6.7b", 32, 4096, 32, 50257, kGpt3),
        gpt("gpt3-13b", 40, 5120, 40, 50257, kGpt3),
        gpt("gpt3-175b", 96, 12288, 96, 50257, kGpt3),
        gpt("codex-12b", 40, 5120, 40, 50257, kGuess, true),
        gpt("tnlg-7b", 32, 4096, 32, 50257, kGuess, true),
        gpt("tnlg-530b", 105, 20480, 128, 50257,
            "Using DeepSpeed and Megatron to Train Megatron-Turing NLG 530B, A Large-Scale Generative "
            "Language "
            "Model"),
        gpt("anthropic-52b", 64, 8192, 64, 65536,
            "A General Language Assistant as a Laboratory for Alignment; that the served model is it was "
            "never "
            "published",
            true),
        gpt("j1-large-7.5b", 32, 4096, 32, 256000, kJurassic),
        gpt("j1-grande-17b", 50, 5120, 40, 256000, kGuess, true),
        gpt("j1-jumbo-178b", 76, 13824, 96, 256000, kJurassic),
        gpt("small-20220720", 24, 1024, 16, 50257, kGuess, true),
        gpt("medium-20220720", 28, 4096, 16, 50257, kGuess, true),
        gpt("large-20220720", 40, 5120, 40, 50257, kGuess, true),
        gpt("xlarge-20220609", 64, 8192, 64, 50257, kGuess, true),
        llama("llama-7b", 32, 4096, 32, 32, 11008, 32000, kLlama),
        llama("llama-13b", 40, 5120, 40, 40, 13824, 32000, kLlama),
        llama("llama-30b", 60, 6656, 52, 52, 17920, 32000, kLlama),
        llama("llama-65b", 80, 8192, 64, 64, 22016, 32000, kLlama),
        llama("llama2-7b", 32, 4096, 32, 32, 11008, 32000, kLlama2),
        llama("llama2-13b", 40, 5120, 40, 40, 13824, 32000, kLlama2),
        llama("llama2-70b", 80, 8192, 64, 8, 28672, 32000, kLlama2),
        llama("llama3-8b", 32, 4096, 32, 8, 14336, 128256, kLlama3),
        llama("llama3-70b", 80, 8192, 64, 8, 28672, 128256, kLlama3),
        llama("llama3.1-405b", 126, 16384, 128, 8, 53248, 128256, kLlama3),
        llama("mistral-7b", 32, 4096, 32, 8, 14336, 32000, "Mistral 7B"),
        experts(llama("mixtral-8x7b", 32, 4096, 32, 8, 14336, 32000, "Mixtral of Experts"), 8, 2),
        experts(llama("mixtral-8x22b", 56, 6144, 48, 8, 16384, 32768, "the released model's config"), 8, 2),
        grouped(gpt("falcon-7b", 32, 4544, 71, 65024, kFalcon), 1),
        grouped(gpt("falcon-40b", 60, 8192, 128, 65024, kFalcon), 8),
        grouped(gpt("falcon-180b", 80, 14848, 232, 65024, kFalcon), 8),
        gpt("mpt-7b", 32, 4096, 32, 50432, "the released model's config"),
        gpt("mpt-30b", 48, 7168, 64, 50432, "the released model's config"),
        llama("qwen-7b", 32, 4096, 32, 32, 11008, 151936, "Qwen Technical Report"),
        llama("qwen-14b", 40, 5120, 40, 40, 13696, 152064, "Qwen Technical Report"),
        llama("qwen-72b", 80, 8192, 64, 64, 24576, 152064, "Qwen Technical Report"),
        llama("qwen2-7b", 28, 3584, 28, 4, 18944, 152064, "Qwen2 Technical Report"),
        llama("qwen2-72b", 80, 8192, 64, 8, 29568, 152064, "Qwen2 Technical Report"),
        llama("yi-34b", 60, 7168, 56, 8, 20480, 64000, "Yi: Open Foundation Models by 01.AI"),
        tied(llama("gemma-2b", 18, 2048, 8, 1, 16384, 256000,
                   "Gemma: Open Models Based on Gemini Research and Technology"),
             256),
        tied(llama("gemma-7b", 28, 3072, 16, 16, 24576, 256000,
                   "Gemma: Open Models Based on Gemini Research and Technology"),
             256),
        untied(gpt("phi-2", 32, 2560, 32, 51200, "the released model's config")),
        llama("qwen2.5-7b", 28, 3584, 28, 4, 18944, 152064, "Qwen2.5 Technical Report"),
        llama("qwen2.5-72b", 80, 8192, 64, 8, 29568, 152064, "Qwen2.5 Technical Report"),
        tied(llama("llama3.2-1b", 16, 2048, 32, 8, 8192, 128256, "the released model's config"), 64),
        tied(llama("llama3.2-3b", 28, 3072, 24, 8, 8192, 128256, "the released model's config"), 128),
        tied(llama("gemma2-9b", 42, 3584, 16, 8, 14336, 256000,
                   "Gemma 2: Improving Open Language Models at a Practical Size"),
             256),
        deepseek(experts(llama("deepseek-v2", 60, 5120, 128, 128, 1536, 102400,
                               "DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language "
                               "Model"),
                         160, 6),
                 2, 1, 12288),
        deepseek(
            experts(llama("deepseek-v3", 61, 7168, 128, 128, 2048, 129280, "DeepSeek-V3 Technical Report"),
                    256, 8),
            1, 3, 18432),
    };
    for (auto& model : all) model.check();
    return all;
  }();
  return known;
}

std::optional<LlmArchitecture> find_architecture(const std::string& name) {
  const auto by_bare = [](const std::string& text) -> std::optional<LlmArchitecture> {
    std::string wanted = text;
    for (const Alias& alias : kAliases)
      if (bare(alias.served) == bare(text)) wanted = alias.known;
    for (const LlmArchitecture& known : known_architectures())
      if (bare(known.name) == bare(wanted)) return known;
    return std::nullopt;
  };
  const std::string text = model_key(name);
  if (auto found = by_bare(text)) return found;
  return by_bare(without_suffixes(text));
}

}  // namespace hone::cost
