"""Which rules about money could a lawyer argue about?"""
