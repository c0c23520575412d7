package main

type demoCmd struct{}

func (c *demoCmd) Run(p *program) error { return nil }

type produceCmd struct{}

func (c *produceCmd) Run(p *program) error { return nil }

type topCmd struct{}

func (c *topCmd) Run(p *program) error { return nil }

type deadLettersCmd struct{}

func (c *deadLettersCmd) Run(p *program) error { return nil }
