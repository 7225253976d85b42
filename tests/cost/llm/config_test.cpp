// Configs of published models against the sizes that their makers published.
#include <gtest/gtest.h>

#include "hone/cost/llm/estimate.h"

namespace hone::cost {
namespace {

LlmArchitecture config(const std::string& text) {
  return architecture_of_json(Json::parse(text), Place{"config.json", 0, ""});
}

const char* const kDeepSeekV3 = R"({"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3",
  "hidden_size": 7168, "intermediate_size": 18432, "moe_intermediate_size": 2048, "num_hidden_layers": 61,
  "num_attention_heads": 128, "num_key_value_heads": 128, "n_routed_experts": 256, "n_shared_experts": 1,
  "num_experts_per_tok": 8, "first_k_dense_replace": 3, "moe_layer_freq": 1, "kv_lora_rank": 512,
  "q_lora_rank": 1536, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
  "vocab_size": 129280, "hidden_act": "silu", "tie_word_embeddings": false})";

LlmDeployment on(const LlmArchitecture& model, std::int64_t tensor = 1) {
  LlmDeployment deployment;
  deployment.model = model;
  deployment.accelerator = accelerator("h200");
  deployment.tensor_parallel = tensor;
  return deployment;
}

TEST(LlmConfig, LatentAttentionAndSharedExpertsAreDeepSeeks) {
  const LlmArchitecture read = config(kDeepSeekV3);
  EXPECT_NEAR(read.parameters() / 671e9, 1.0, 0.002);
  EXPECT_NEAR(read.active_parameters() / 37e9, 1.0, 0.02);
  EXPECT_DOUBLE_EQ(read.kv_bytes(2.0), 61.0 * (512 + 64) * 2.0);
  // The same without a rank of the queries, as the small ones of the family are.
  Json direct = Json::parse(kDeepSeekV3);
  direct["q_lora_rank"] = nullptr;
  EXPECT_DOUBLE_EQ(architecture_of_json(direct, {}).parameters() - read.parameters(),
                   61.0 * (7168.0 * 128 * 192 - 1536.0 * (7168 + 128 * 192)));
  for (const char* key : {"qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim", "num_experts_per_tok"}) {
    Json lacking = Json::parse(kDeepSeekV3);
    lacking.erase(key);
    EXPECT_THROW(architecture_of_json(lacking, {}), Error) << key;
  }
  // What is written is read again.
  EXPECT_EQ(architecture_of_json(read.json(), {}), read);
}

TEST(LlmConfig, KnownDeepSeeksAreAsLargeAsPublished) {
  LlmArchitecture known = need_architecture("deepseek-ai/DeepSeek-V3");
  EXPECT_FALSE(known.assumed);
  const LlmArchitecture read = config(kDeepSeekV3);
  known.name = read.name;
  known.source = read.source;
  EXPECT_EQ(known, read);
  for (const char* name : {"deepseek-v3:671b", "deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-V3-0324",
                           "DeepSeek-V3-Base", "deepseek_r1"})
    EXPECT_EQ(need_architecture(name).name, "deepseek-v3") << name;
  EXPECT_NEAR(need_architecture("deepseek-v2").parameters() / 236e9, 1.0, 0.005);
  EXPECT_NEAR(need_architecture("deepseek-v2").active_parameters() / 21e9, 1.0, 0.03);
}

TEST(LlmConfig, TheirCostsAreOfWhatIsCachedAndReached) {
  const LlmStack stack;
  const LlmArchitecture model = config(kDeepSeekV3);
  // Heads cannot be shared out: each of eight accelerators holds the whole cache.
  const auto cache = [&](std::int64_t tensor) {
    return llm_memory(on(model, tensor), 4, 1000, 1000).kv_cache;
  };
  EXPECT_DOUBLE_EQ(cache(1), 4 * 1000 * 70272.0);
  EXPECT_DOUBLE_EQ(cache(8), 8 * cache(1));
  EXPECT_NEAR(llm_memory(on(model), 1, 1, 1).weights / (2 * 671e9), 1.0, 0.002);
  // A token reads the active weights, and of a long context the cache beside them.
  const auto bytes = [&](double context) {
    return roofline_decode_s(on(model), 1, context) * on(model).accelerator.bytes_per_s;
  };
  EXPECT_NEAR(bytes(1) / (2.0 * model.active_parameters()), 1.0, 0.001);
  EXPECT_NEAR(bytes(100001) - bytes(1), 1e5 * 70272.0, 1e3);
  // All 128 heads work on each cached number: far more operations a byte than with keys of their own.
  const auto operations = [&](double context) {
    return decode_step(on(model, 8), stack, 1, context).compute * 8.0 * on(model).accelerator.matrix_flops *
           on(model).accelerator.matrix_share * stack.matrix_share;
  };
  EXPECT_NEAR((operations(100001) - operations(1)) / (1e5 * 61 * 128 * 2.0 * (2 * 512 + 64)), 1.0, 1e-9);
  // Prompts: each token's products, and attention with keys of 192 and values of 128 numbers.
  const double prompt = roofline_prompt_s(on(model), 1, 8192) * on(model).accelerator.matrix_flops;
  const double weights = model.active_parameters() - 129280.0 * 7168;
  EXPECT_NEAR(prompt / (2.0 * 8192 * weights + 2.0 * 8192 * 8192 * 128 * 160.0 * 61), 1.0, 0.001);
}

TEST(LlmConfig, QwensExpertsHaveASharedOneOfItsOwnWidth) {
  const char* text = R"({"model_type": "qwen2_moe", "hidden_size": 2048, "intermediate_size": 5632,
    "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632, "num_hidden_layers": 24,
    "num_attention_heads": 16, "num_key_value_heads": 16, "num_experts": 60, "num_experts_per_tok": 4,
    "decoder_sparse_step": 1, "mlp_only_layers": [], "vocab_size": 151936, "hidden_act": "silu",
    "tie_word_embeddings": false})";
  const LlmArchitecture read = config(text);
  EXPECT_NEAR(read.parameters() / 14.3e9, 1.0, 0.005);
  // The published number has the input embedding too.
  EXPECT_NEAR((read.active_parameters() + 151936.0 * 2048) / 2.7e9, 1.0, 0.01);
  Json some = Json::parse(text);
  some["mlp_only_layers"] = Json::array({0, 5});
  some["decoder_sparse_step"] = 2;
  EXPECT_EQ(architecture_of_json(some, {}).dense_layers, 13) << "0, 2, 4, .. and 5";
  EXPECT_EQ(architecture_of_json(some, {}).dense_width, 5632);
}

TEST(LlmConfig, LanguageModelsWithinOthersAreRead) {
  const LlmArchitecture gemma = config(R"({"model_type": "gemma3", "vision_config": {"hidden_size": 1152},
    "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
    "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262208}})");
  EXPECT_NEAR(gemma.parameters() / 3.88e9, 1.0, 0.01);
  const LlmArchitecture llama4 = config(R"({"model_type": "llama4", "text_config": {
    "model_type": "llama4_text", "hidden_size": 5120, "intermediate_size": 8192,
    "intermediate_size_mlp": 16384, "num_hidden_layers": 48, "num_attention_heads": 40,
    "num_key_value_heads": 8, "head_dim": 128, "num_local_experts": 128, "num_experts_per_tok": 1,
    "interleave_moe_layer_step": 2, "vocab_size": 202048, "hidden_act": "silu",
    "tie_word_embeddings": false}})");
  EXPECT_NEAR(llama4.parameters() / 400e9, 1.0, 0.01);
  EXPECT_NEAR((llama4.active_parameters() + 202048.0 * 5120) / 17e9, 1.0, 0.03);
  // A config within another leaves out what is its model's default.
  EXPECT_TRUE(config(R"({"model_type": "llava", "text_config": {"model_type": "llama", "hidden_size": 4096,
    "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000}})")
                  .gated);
}

TEST(LlmConfig, OtherNamesAreRead) {
  const LlmArchitecture mpt = config(R"({"model_type": "mpt", "d_model": 4096, "n_heads": 32, "n_layers": 32,
    "expansion_ratio": 4, "vocab_size": 50432})");
  EXPECT_DOUBLE_EQ(mpt.parameters(), need_architecture("mpt-7b").parameters());
  EXPECT_EQ(config(R"({"model_type": "mpt", "d_model": 64, "n_heads": 4, "n_layers": 2, "expansion_ratio": 3,
    "vocab_size": 100})")
                .ffn_width,
            192);
  const LlmArchitecture dbrx =
      config(R"({"model_type": "dbrx", "d_model": 6144, "n_heads": 48, "n_layers": 40,
    "attn_config": {"kv_n_heads": 8}, "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16,
    "moe_top_k": 4}, "vocab_size": 100352, "tie_word_embeddings": false})");
  EXPECT_NEAR(dbrx.parameters() / 132e9, 1.0, 0.005);
  EXPECT_NEAR((dbrx.active_parameters() + 100352.0 * 6144) / 36e9, 1.0, 0.02);
  // Cohere's embeddings are one matrix where its config does not speak of them.
  EXPECT_NEAR(config(R"({"model_type": "cohere", "hidden_size": 8192, "intermediate_size": 22528,
    "num_hidden_layers": 40, "num_attention_heads": 64, "num_key_value_heads": 64, "vocab_size": 256000,
    "hidden_act": "silu"})")
                      .parameters() /
                  35e9,
              1.0, 0.005);
}

TEST(LlmConfig, OtherArchitecturesAreRefusedByTheKeyThatTellsOfThem) {
  const Json plain = Json::parse(R"({"num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32,
    "intermediate_size": 14336, "vocab_size": 65536, "hidden_act": "silu",
    "layer_types": ["full_attention", "sliding_attention"], "mamba_d_state": null, "state_size": 0})");
  EXPECT_NO_THROW(architecture_of_json(plain, {}));
  const std::pair<const char*, Json> others[]{
      {"mamba_d_state", 16},
      {"ssm_state_size", 128},
      {"state_size", 16},
      {"attn_layer_period", 8},
      {"linear_num_value_heads", 32},
      {"hybrid_override_pattern", "M-M*"},
      {"layer_types", Json::array({"full_attention", "linear_attention"})},
      {"layers_block_type", Json::array({"mamba", "attention"})},
      {"num_kv_shared_layers", 15},
      {"model_type", "falcon_mamba"}};
  for (const auto& [key, value] : others) {
    Json other = plain;
    other[key] = value;
    try {
      architecture_of_json(other, {});
      ADD_FAILURE() << key << " was read";
    } catch (const Error& error) {
      EXPECT_NE(error.message().find(key), std::string::npos) << error.what();
    }
  }
  // A product that no integer holds, and ranks without latent attention.
  Json experts = plain;
  experts["num_experts"] = 8;
  experts["num_experts_per_tok"] = 2;
  EXPECT_NO_THROW(architecture_of_json(experts, {}));
  for (const auto& [key, value] : std::initializer_list<std::pair<const char*, std::int64_t>>{
           {"n_shared_experts", 1000000000000000}, {"q_lora_rank", 16}, {"kv_lora_rank", -1}}) {
    Json wrong = experts;
    wrong[key] = value;
    EXPECT_THROW(architecture_of_json(wrong, {}), Error) << key;
  }
}

}  // namespace
}  // namespace hone::cost
