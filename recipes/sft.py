"""Fine-tune a model on a tool-use dataset: loss on thoughts, actions, inputs and final answers only.

    accelerate launch --config_file accelerate_configs/cpu.yaml recipes/sft.py --config recipes/tiny/sft.yaml
    accelerate launch --config_file accelerate_configs/fsdp.yaml recipes/sft.py \
        --config recipes/vicuna-7b/full.yaml --dataset_name ORG/NAME --output_dir runs/vicuna
    python recipes/sft.py --config recipes/vicuna-7b/lora.yaml \
        --dry_run --accelerate_config accelerate_configs/ddp.yaml

The command line overrides the recipe. Started again, it goes on from the last complete checkpoint.
recipes/README.md lists every recipe with the hardware it wants.
"""

from __future__ import annotations

from pathlib import Path

from toolalpaca import cli
from toolalpaca.models.process import prepare_process
from toolalpaca.schema import ToolAlpacaError
from toolalpaca.training import checkpoints, dry_run, examples, loading, masks, memory, precision, prefixes
from toolalpaca.training.recipe import parse_recipe, split_batch


def main() -> None:
    prepare_process()  # before torch is loaded
    data, args, model_args, recipe = parse_recipe()
    precision.settle(args)
    from toolalpaca.training.trainer import MetricsFile, Trainer

    # The global batch is the recipe's; how it is split follows from the processes
    asked = recipe.accelerate_config
    sharding = memory.read_sharding(asked) if asked else memory.Sharding(args.world_size)
    args.per_device_train_batch_size, args.gradient_accumulation_steps = split_batch(
        recipe.global_batch_size, args.per_device_train_batch_size, sharding.processes
    )

    # Too long an example is trimmed or dropped here, never cut by the trainer
    with args.main_process_first():
        rows = examples.load_rows(data.dataset_name, data.dataset_config, data.dataset_train_split)
        tokenizer = loading.tokenizer(rows, args, model_args, recipe)
        rows = examples.shortened(rows, recipe.answer_share)
        train, counts = examples.prepare(rows, tokenizer, args.max_length, args.dataset_num_proc)
        if recipe.dry_run:
            if args.process_index == 0:
                print(dry_run.report(train, counts, tokenizer, args, model_args, recipe, sharding))
            return
        run = loading.settings(train, tokenizer, args, model_args, recipe)
        if checkpoints.claim(args.output_dir, run):
            print(f"sft: {args.output_dir} is trained already with these settings and data; nothing to do")
            return
    if args.process_index == 0:
        print(masks.show(train[0]["messages"], tokenizer, train[0].get("tools")))
        print(f"sft: {data.dataset_name}: {counts}\nsft: {precision.told(args, model_args, recipe)}")

    model = loading.model(tokenizer, args, model_args, recipe)
    if recipe.architecture is not None and args.process_index == 0:
        loading.save_untrained(model, tokenizer, args.output_dir)  # what training is measured against
    if recipe.shared_prefix:
        train = prefixes.shared_dataset(train, recipe.shared_prefix, args.max_length, args.seed)
        loading.for_shared_prefixes(args)
    try:
        trainer = Trainer(
            model=model,
            args=loading.for_trainer(args),
            train_dataset=train,
            data_collator=prefixes.Collator() if recipe.shared_prefix else None,
            processing_class=tokenizer,
            peft_config=loading.adapter(model_args),
            callbacks=[MetricsFile(args.output_dir)],
        )
    except ValueError as error:  # such as lora_target_modules that the model does not have
        raise ToolAlpacaError(f"recipe: {error}") from None
    last = args.resume_from_checkpoint or checkpoints.last_complete(args.output_dir)
    result = trainer.train(resume_from_checkpoint=last)

    trainer.save_model(args.output_dir)
    trainer.save_state()
    # A folder of this machine is no dataset that the card's readers could load
    named = None if Path(data.dataset_name).exists() else data.dataset_name
    card = {"dataset_name": named, "tags": ["toolalpaca", "tool-use"]}
    trainer.create_model_card(**card)
    if trainer.is_world_process_zero() and recipe.merge_adapter:
        loading.merge(args.output_dir, args, model_args)
    if args.push_to_hub:
        trainer.push_to_hub(**card)
    if trainer.is_world_process_zero():
        checkpoints.finish(args.output_dir, precision.taken(args))
        if warning := precision.not_taken(args, model_args):
            print(f"sft: warning: {warning}")
        told = [f"{result.global_step} steps", f"loss {result.training_loss:.3f}", *memory.peak()]
        print(f"sft: {', '.join(told)}; model in {args.output_dir}")
    trainer.accelerator.wait_for_everyone()  # a process that ends the group early leaves the others waiting
    trainer.end()


if __name__ == "__main__":
    cli.run(main)
