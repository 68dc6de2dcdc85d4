// The compiler behind Schema::compile: turns a JSON Schema into a Schema::Program.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/schema/program.h"
#include "core/schema/registry.h"

namespace etl
{

class SchemaCompiler
{
  public:
	SchemaCompiler(const nlohmann::json &schema, const SchemaOptions &options);
	/// Throws SchemaError.
	std::unique_ptr<Schema::Program> run();

  private:
	friend class StructureCompiler; // the same work, for keywords that depend on each other
	using json = nlohmann::json;

	/// A schema whose keywords are being read. Its instructions are grouped by the kind of value
	/// that they apply to.
	struct Draft
	{
		SchemaPlace place;
		SchemaNode node;
		std::vector<Instruction> any, number, string, array, object;
	};
	struct PendingConstants
	{
		std::vector<size_t> others; ///< indices in values_
	};

	/// Returns the node of a schema. A new node is put in a queue and compiled later, so that
	/// schemas may refer to each other.
	uint32_t node(const SchemaPlace &place);
	uint32_t part(const Draft &draft, const json &schema,
				  std::initializer_list<std::string_view> steps);
	void compile(uint32_t index);
	void keyword(Draft &draft, const std::string &name, const json &value);
	bool assertion(Draft &draft, const std::string &name, const json &value);
	bool applicator(Draft &draft, const std::string &name, const json &value);
	bool annotation(Draft &draft, const std::string &name, const json &value);
	void type(Draft &draft, const json &value);
	void constants(Draft &draft, Op op, const json &list);
	void bound(Draft &draft, Op op, const json &value);
	uint32_t regex(const SchemaPlace &place, std::initializer_list<std::string_view> steps,
				   const std::string &pattern);
	uint64_t count(const Draft &draft, const std::string &name, const json &value);
	std::string_view keep(const std::string &text);
	void emit(std::vector<Instruction> &group, Op op, uint64_t a, uint64_t n = 0);
	void finish_constants();
	void refuse_loops();

	const SchemaOptions &options_;
	SchemaRegistry registry_;
	std::unique_ptr<Schema::Program> program_;
	std::unordered_map<const json *, uint32_t> known_;
	std::vector<SchemaPlace> places_; ///< indexed by node
	/// indexed by node: the nodes that it applies to the same value
	std::vector<std::vector<uint32_t>> in_place_;
	json values_ = json::array();
	std::vector<PendingConstants> pending_;
};

} // namespace etl
