package main

import "github.com/spf13/cobra"

func newProcessor(c *cli) *cobra.Command {
	cmd := parent("processor", "List, describe, steer and read processors")
	cmd.Aliases = []string{"processors"}
	cmd.AddCommand(
		newProcessorList(c), newProcessorDescribe(c), newProcessorPause(c), newProcessorResume(c),
		newProcessorReset(c), newProcessorReplay(c), newProcessorSwitch(c), newProcessorState(c),
	)
	return cmd
}
